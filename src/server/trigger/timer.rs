//! Timers: the times at which they start their functions. Times at which the server does not run are left out.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::rules::trigger::member;
use crate::rules::trigger::schedule::{Kind, Schedule};

use super::super::clock::date;
use super::super::store::Stored;
use super::super::store::trigger::{self as triggers, Listed, Trigger};
use super::super::store::triggered::Start;
use super::super::transaction::Transaction;
use super::{Launch, document, launch};

/// What a look at the timers did.
#[derive(Debug, Default)]
pub(crate) struct Ticked {
    /// When the next one is due.
    pub(crate) next: Option<i64>,
    pub(crate) started: usize,
    /// Why timers started no function.
    pub(crate) problems: Vec<String>,
}

/// Starts the functions of the timers that are due, and computes when each is due next. Of several times that have passed
/// since the last look, each timer makes up only one.
pub(crate) fn tick(transaction: Transaction<'_>) -> Stored<Ticked> {
    let Transaction { store, now, .. } = transaction;
    for Listed { trigger, .. } in triggers::unscheduled(store)? {
        triggers::set_due(store, &trigger.id, next(&trigger, now))?;
    }
    let mut ticked = Ticked::default();
    for (listed, due) in triggers::due(store, now)? {
        let trigger = &listed.trigger;
        triggers::set_due(store, &trigger.id, next(trigger, now))?;
        let scene = document::Scene { transaction, listed: &listed };
        let zone = schedule(trigger).map_or(TimeZone::UTC, |schedule| schedule.zone());
        let launched = Launch { listed: &listed, body: scene.tick(due, &zone).to_string(), place: "TIMER".to_owned() };
        match launch(transaction, &launched, None)?.start {
            Start::Accepted(_) => ticked.started += 1,
            Start::Refused(reason) => {
                let Listed { package, name, .. } = &listed;
                ticked.problems.push(format!("the timer {} of {package}/{name} starts nothing: {reason}", trigger.id));
            }
        }
    }
    ticked.next = triggers::next_due(store)?;
    Ok(ticked)
}

/// The first time after `now`. Intervals begin when the timer was created or changed.
fn next(trigger: &Trigger, now: i64) -> Option<i64> {
    let start = date(trigger.modified.saturating_mul(1000));
    schedule(trigger)?.next(start, date(now)).map(Timestamp::as_millisecond)
}

fn schedule(trigger: &Trigger) -> Option<Schedule> {
    let text = |wire| member(&trigger.data, wire).and_then(Value::as_str);
    Schedule::parse(Kind::of_wire(text("schedule_type")?)?, text("schedule")?).ok()
}
