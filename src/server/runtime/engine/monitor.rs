//! Measures the processes of functions: one pass over the system for all of them, outside the async threads.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::super::processes::Table;
use super::disk::{self, Space};
use super::isolation::MOST_PROCESSES;

/// The interval between two measurements during a call.
const INTERVAL: Duration = Duration::from_millis(50);
/// The interval between two measurements of idle workers and short calls.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// Limits measurements to a fifth of the time: after each one, this multiple of its duration passes without another.
const REST: u32 = 4;
/// Bytes of a megabyte.
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Watches all workers.
#[derive(Default)]
pub(super) struct Monitor {
    /// Where workers have their folders.
    directory: PathBuf,
    watched: Mutex<Vec<Watched>>,
    added: Notify,
}

/// The monitor's data about a worker.
struct Watched {
    /// The process that the server started.
    process: u32,
    /// The number of the server's own processes below that process, which do not count.
    own: usize,
    /// MB.
    memory: u32,
    folder: PathBuf,
    usage: Weak<Usage>,
    exceeded: Option<oneshot::Sender<Excess>>,
    /// The value of `calls` at the last tick.
    calls: u64,
}

/// Data that a worker and the monitor share.
#[derive(Default)]
pub(super) struct Usage {
    /// Incremented at the start and the end of each call, so it is odd during a call.
    calls: AtomicU64,
    /// The peak memory in kB.
    peak: AtomicU64,
}

/// The limit that was exceeded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Excess {
    /// With the memory in use, in MB.
    Memory(f64),
    /// With the number of processes and threads.
    Processes(usize),
    /// The disk is full, and the worker's files take so many MB of it.
    Disk(f64),
}

impl Usage {
    pub(super) fn toggle(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_peak(&self, kilobytes: u64) {
        self.peak.fetch_max(kilobytes, Ordering::Relaxed);
    }

    /// The peak memory in MB; 0 if unknown.
    pub(super) fn peak(&self) -> f64 {
        megabytes(self.peak.load(Ordering::Relaxed) * 1024)
    }
}

/// A worker to watch.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) process: u32,
    pub(super) own: usize,
    /// MB.
    pub(super) memory: u32,
    /// Of this worker alone.
    pub(super) folder: PathBuf,
}

impl Monitor {
    pub(super) fn start(directory: PathBuf) -> Arc<Self> {
        let monitor = Arc::new(Self { directory, ..Self::default() });
        tokio::spawn(watch(Arc::downgrade(&monitor)));
        monitor
    }

    /// Watches a worker as long as its usage handle exists. The receiver gets the first excess.
    pub(super) fn add(&self, subject: Subject) -> (Arc<Usage>, oneshot::Receiver<Excess>) {
        let Subject { process, own, memory, folder } = subject;
        let (exceeded, excess) = oneshot::channel();
        let usage = Arc::<Usage>::default();
        let watched =
            Watched { process, own, memory, folder, usage: Arc::downgrade(&usage), exceeded: Some(exceeded), calls: 0 };
        self.lock().push(watched);
        self.added.notify_one();
        (usage, excess)
    }

    /// Measures all workers now. It reads files, so do not call it on async threads.
    pub(super) fn look(&self) {
        let table = Table::read();
        for watched in self.lock().iter_mut() {
            watched.look(&table);
        }
    }

    /// If the disk is nearly full, ends the workers that only wait, and the one that has written the most.
    fn relieve_disk(&self) {
        let Some(space) = Space::of(&self.directory).filter(|space| space.is_low()) else { return };
        let mut all = self.lock();
        let mut largest: Option<(u64, &mut Watched)> = None;
        for watched in all.iter_mut() {
            let bytes = disk::taken(&watched.folder);
            if watched.is_idle() {
                watched.end(Excess::Disk(megabytes(bytes)));
            } else if largest.as_ref().is_none_or(|(most, _)| bytes > *most) {
                largest = Some((bytes, watched));
            }
        }
        if let Some((bytes, watched)) = largest.filter(|(bytes, _)| space.needs(*bytes)) {
            watched.end(Excess::Disk(megabytes(bytes)));
        }
    }

    /// Whether there is anything to watch, and whether any call has lasted since the last tick.
    fn tick(&self) -> (bool, bool) {
        let mut all = self.lock();
        all.retain(|watched| watched.usage.strong_count() > 0);
        let mut lasting = false;
        for watched in all.iter_mut() {
            let calls = watched.usage.upgrade().map_or(0, |usage| usage.calls.load(Ordering::Relaxed));
            lasting |= calls == watched.calls && calls % 2 == 1;
            watched.calls = calls;
        }
        (!all.is_empty(), lasting)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(monitor: Weak<Monitor>) {
    let mut looked = Instant::now();
    let mut pause = INTERVAL;
    loop {
        tokio::time::sleep(pause).await;
        let Some(monitor) = monitor.upgrade() else { return };
        let (any, lasting) = monitor.tick();
        pause = INTERVAL;
        if !any {
            let added = async { monitor.added.notified().await };
            // The monitor may be dropped in the meantime, so do not hold it forever.
            let _ = tokio::time::timeout(IDLE_INTERVAL, added).await;
        } else if lasting || looked.elapsed() >= IDLE_INTERVAL {
            let began = Instant::now();
            let _ = tokio::task::spawn_blocking(move || {
                monitor.look();
                monitor.relieve_disk();
            })
            .await;
            looked = Instant::now();
            pause = INTERVAL.max(began.elapsed() * REST);
        }
    }
}

impl Watched {
    fn look(&mut self, table: &Table) {
        let all = [vec![self.process], table.descendants(self.process)].concat();
        let counted: Vec<u32> = all.into_iter().skip(self.own).collect();
        let (mut threads, mut resident) = (0, 0);
        for process in counted.iter().filter_map(|id| table.get(*id)) {
            threads += process.threads;
            resident += process.resident * page_size();
        }
        let mut used = megabytes(resident);
        if used > f64::from(self.memory) && counted.len() > 1 {
            used = without_shared(&counted, self.memory);
        }
        if let Some(usage) = self.usage.upgrade() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an amount of memory")]
            usage.note_peak((used * 1024.0) as u64);
        }
        let excess = if used > f64::from(self.memory) {
            Excess::Memory(used)
        } else if threads as u64 > MOST_PROCESSES {
            Excess::Processes(threads)
        } else {
            return;
        };
        self.end(excess);
    }

    /// Whether no call lasts.
    fn is_idle(&self) -> bool {
        self.usage.upgrade().is_none_or(|usage| usage.calls.load(Ordering::Relaxed).is_multiple_of(2))
    }

    fn end(&mut self, excess: Excess) {
        if let Some(exceeded) = self.exceeded.take() {
            // If the worker is gone, it does not need the message.
            let _ = exceeded.send(excess);
        }
    }
}

/// The memory of several processes in MB, counting each one's proportional share of shared memory. This is slow, so it
/// stops as soon as the limit is exceeded.
fn without_shared(processes: &[u32], limit: u32) -> f64 {
    let mut used = 0.0;
    for process in processes {
        used += megabytes(proportional(*process).unwrap_or_default() * 1024);
        if used > f64::from(limit) {
            break;
        }
    }
    used
}

/// In kB; `None` if the process is gone.
fn proportional(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn page_size() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

#[expect(clippy::cast_precision_loss, reason = "an amount of memory in MB needs few digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

impl Excess {
    /// The message for the function's caller.
    pub(super) fn message(self, memory: u32) -> String {
        match self {
            Self::Memory(used) => {
                format!("the function used {used:.0} MB, more than its memory of {memory} MB, and was killed")
            }
            Self::Processes(count) => format!(
                "the function had {count} processes and threads, more than the limit of {MOST_PROCESSES}, and was killed"
            ),
            Self::Disk(used) => {
                format!("the disk is full: the function's files take {used:.0} MB of it, so the function was killed")
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_excess_is_reported_once_and_the_peak_is_kept() {
        let monitor = Monitor::default();
        let process = std::process::id();
        let (fine, mut fine_excess) = monitor.add(Subject { process, own: 0, memory: 1 << 20, folder: PathBuf::new() });
        let (_usage, excess) = monitor.add(Subject { process, own: 0, memory: 1, folder: PathBuf::new() });
        monitor.look();
        monitor.look();
        assert!(matches!(excess.await, Ok(Excess::Memory(used)) if used > 1.0));
        assert!(fine_excess.try_recv().is_err());
        assert!(fine.peak() > 1.0);
    }

    #[test]
    fn only_long_calls_are_measured_often() {
        let monitor = Monitor::default();
        assert_eq!(monitor.tick(), (false, false));
        let (usage, _excess) = monitor.add(Subject { process: 1, own: 0, memory: 1, folder: PathBuf::new() });
        usage.toggle();
        assert_eq!(monitor.tick(), (true, false));
        assert_eq!(monitor.tick(), (true, true));
        usage.toggle();
        usage.toggle();
        assert_eq!(monitor.tick(), (true, false));
        usage.toggle();
        monitor.tick();
        assert_eq!(monitor.tick(), (true, false));
        drop(usage);
        assert_eq!(monitor.tick(), (false, false));
    }
}
