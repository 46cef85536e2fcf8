//! Shows on standard error what a long command is doing: in a live region of a terminal, or as a line every few seconds.
//!
//! It only reads. `text` decides what to show, from numbers that the command and its requests keep.

mod region;
mod text;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::apply::{Event, Status};
use crate::remote::Remote;
use crate::render;

use super::output::ReportOutput;
use super::streams;
use text::{Activity, Moment};

use region::clear;
pub(super) use region::{give_up, without};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Region,
    Lines,
    Nothing,
}

/// A command that ends sooner needs no region.
const PATIENCE: Duration = Duration::from_millis(400);
/// The time between two drawings of the region.
const FRAME: Duration = Duration::from_millis(100);
/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(5);

impl Form {
    /// Lines would damage a document if both streams went to the same file. A region only ever goes to a terminal.
    pub(super) fn of(output: ReportOutput, quiet: bool) -> Self {
        // Such a terminal cannot move its cursor.
        let is_dumb = || std::env::var_os("TERM").map_or(cfg!(not(windows)), |terminal| terminal == "dumb");
        if quiet {
            Self::Nothing
        } else if std::io::stderr().is_terminal() && !is_dumb() {
            Self::Region
        } else if output == ReportOutput::Human {
            Self::Lines
        } else {
            Self::Nothing
        }
    }
}

/// Shows the progress of a command until this is dropped.
pub(super) struct Progress {
    count: Arc<Mutex<Count>>,
    task: JoinHandle<()>,
}

/// What the command itself counts.
#[derive(Debug)]
struct Count {
    activity: Activity,
    /// The changes that have ended, and all of them. Unused while only requests are counted.
    ended: u64,
    total: u64,
}

impl Progress {
    /// The requests that read live state.
    pub(super) fn reading(form: Form, remote: &Remote) -> Self {
        Self::start(form, remote, Count { activity: Activity::Reading, ended: 0, total: 0 })
    }

    /// The changes of a plan.
    pub(super) fn applying(form: Form, remote: &Remote, changes: usize) -> Self {
        let activity = Activity::Applying { failed: 0, skipped: 0, running: Vec::new(), failure: None };
        Self::start(form, remote, Count { activity, ended: 0, total: changes as u64 })
    }

    fn start(form: Form, remote: &Remote, count: Count) -> Self {
        let count = Arc::new(Mutex::new(count));
        let moment = {
            let (count, remote, started) = (Arc::clone(&count), remote.clone(), Instant::now());
            move || moment(&lock(&count), &remote, started.elapsed())
        };
        let task = match form {
            Form::Region => tokio::spawn(draw(moment)),
            Form::Lines => tokio::spawn(print(moment)),
            Form::Nothing => tokio::spawn(async {}),
        };
        Self { count, task }
    }

    /// Counts a change.
    pub(super) fn count(&self, event: Event<'_>) {
        let mut count = lock(&self.count);
        let Count { activity: Activity::Applying { failed, skipped, running, failure }, ended, total: _ } = &mut *count
        else {
            return;
        };
        match event {
            Event::Started(change) => running.push(render::plan::title(change)),
            Event::Ended(change, status) => {
                let title = render::plan::title(change);
                running.retain(|other| *other != title);
                *ended += 1;
                match status {
                    Status::Done => {}
                    Status::Failed(error) => {
                        *failed += 1;
                        *failure = Some(render::failed::brief(change, error));
                    }
                    Status::Skipped(_) => *skipped += 1,
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        clear();
    }
}

fn moment(count: &Count, remote: &Remote, elapsed: Duration) -> Moment {
    let traffic = remote.traffic();
    let (ended, total) = match count.activity {
        Activity::Reading if traffic.expected == 0 => (traffic.done, None),
        Activity::Reading => (traffic.done, Some(traffic.done + traffic.expected)),
        Activity::Applying { .. } => (count.ended, Some(count.total)),
    };
    Moment { activity: count.activity.clone(), ended, total, elapsed, paced: traffic.left, wait: traffic.wait }
}

async fn draw(moment: impl Fn() -> Moment) {
    sleep(PATIENCE).await;
    loop {
        let lines = text::region(&moment(), streams::error_width());
        region::draw(&lines.iter().map(|line| streams::hidden(line).into_owned()).collect::<Vec<_>>());
        sleep(FRAME).await;
    }
}

async fn print(moment: impl Fn() -> Moment) {
    let mut last = None;
    loop {
        sleep(INTERVAL).await;
        let now = moment();
        if text::is_due(last.as_ref(), &now) {
            errln!("{}", text::line(&now));
            last = Some(now);
        }
    }
}

/// The lock is never poisoned in a bad state: no code panics while it holds the lock.
fn lock(count: &Mutex<Count>) -> MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}
