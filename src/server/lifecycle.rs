//! The life of an asynchronous invocation: how an event changes it, and what must be done next.
//!
//! This module alone decides about attempts, waits, expiry and notifications. No I/O, no clock: times are milliseconds
//! since 1970, and the caller passes the time of each event.

use std::time::Duration;

/// The state of an invocation, as far as decisions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// No attempt starts after this time.
    pub(crate) expires: i64,
    /// The maximum number of attempts.
    pub(crate) most_attempts: u32,
    /// The number of attempts that have started.
    pub(crate) attempts: u32,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Waiting {
        /// When the next attempt may start.
        due: i64,
    },
    Running,
    /// Its run is being stopped, because it was canceled.
    Stopping,
    Ended(End),
}

/// The final status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded,
    Failed,
    Canceled,
    /// Its validity ended before an attempt could start.
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// There is room to run it, or its validity has ended.
    Turn,
    /// This attempt, counted from 1, ended: on its own, by a stop, or with the server.
    AttemptEnded { attempt: u32, succeeded: bool },
    /// This attempt could not start because the machine lacked resources. It does not count.
    NotStarted { attempt: u32 },
    /// A user cancels it.
    Cancel,
}

/// What must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    /// Run the function.
    Start,
    /// Stop the current run.
    Stop,
    /// Notify the target for this end, if there is one.
    Notify(End),
}

/// The waits after failures: the first wait, doubled after each further failure up to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The wait in milliseconds after this many failures; the first is number 1.
    pub(crate) fn wait(self, failures: u32) -> i64 {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        milliseconds(self.first.saturating_mul(factor).min(self.longest))
    }
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Life {
    /// A newly accepted invocation. Without a policy, it gets one attempt.
    pub(crate) fn accepted(retries: u32, validity_seconds: i64, now: i64) -> Self {
        let expires = now.saturating_add(validity_seconds.saturating_mul(1000));
        Self { expires, most_attempts: retries.saturating_add(1), attempts: 0, state: State::Waiting { due: now } }
    }

    /// The next state and effect. An event that is late, early or repeated changes nothing.
    pub(crate) fn on(self, event: Event, now: i64, backoff: Backoff) -> (Self, Effect) {
        match (self.state, event) {
            (State::Waiting { .. }, Event::Turn) if now > self.expires => self.end(End::Expired),
            (State::Waiting { due }, Event::Turn) if now >= due => {
                (Self { attempts: self.attempts.saturating_add(1), state: State::Running, ..self }, Effect::Start)
            }
            (State::Waiting { .. }, Event::Cancel) => self.end(End::Canceled),
            (State::Running, Event::Cancel) => (Self { state: State::Stopping, ..self }, Effect::Stop),
            (State::Running | State::Stopping, Event::AttemptEnded { attempt, succeeded })
                if attempt == self.attempts =>
            {
                self.after_attempt(succeeded, now, backoff)
            }
            (State::Running, Event::NotStarted { attempt }) if attempt == self.attempts => {
                let state = State::Waiting { due: now.saturating_add(backoff.wait(1)) };
                (Self { attempts: self.attempts.saturating_sub(1), state, ..self }, Effect::Nothing)
            }
            (State::Stopping, Event::NotStarted { attempt }) if attempt == self.attempts => self.end(End::Canceled),
            _ => (self, Effect::Nothing),
        }
    }

    fn after_attempt(self, succeeded: bool, now: i64, backoff: Backoff) -> (Self, Effect) {
        match self.state {
            _ if succeeded => self.end(End::Succeeded),
            State::Stopping => self.end(End::Canceled),
            _ if self.attempts >= self.most_attempts => self.end(End::Failed),
            _ => {
                let due = now.saturating_add(backoff.wait(self.attempts));
                (Self { state: State::Waiting { due }, ..self }, Effect::Nothing)
            }
        }
    }

    fn end(self, end: End) -> (Self, Effect) {
        (Self { state: State::Ended(end), ..self }, Effect::Notify(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn failed(attempt: u32) -> Event {
        Event::AttemptEnded { attempt, succeeded: false }
    }

    /// All states and effects after each event.
    fn lived(life: Life, events: &[(i64, Event)]) -> Vec<(State, Effect)> {
        let step = |life: &mut Life, (now, event): &(i64, Event)| {
            let (next, effect) = life.on(*event, *now, BACKOFF);
            *life = next;
            Some((next.state, effect))
        };
        events.iter().scan(life, step).collect()
    }

    #[test]
    fn a_failure_is_retried_after_a_growing_wait() {
        let life = Life::accepted(2, HOUR, 0);
        let events = [(0, Event::Turn), (10, failed(1)), (1009, Event::Turn), (1010, Event::Turn), (1020, failed(2))];
        let expected = [
            (State::Running, Effect::Start),
            (State::Waiting { due: 1010 }, Effect::Nothing),
            (State::Waiting { due: 1010 }, Effect::Nothing),
            (State::Running, Effect::Start),
            (State::Waiting { due: 3020 }, Effect::Nothing),
        ];
        assert_eq!(lived(life, &events), expected);
    }

    #[test]
    fn without_a_policy_there_is_one_attempt() {
        let life = Life::accepted(0, HOUR, 0);
        let ended = lived(life, &[(0, Event::Turn), (10, failed(1))]).pop();
        assert_eq!(ended, Some((State::Ended(End::Failed), Effect::Notify(End::Failed))));
    }

    #[test]
    fn a_validity_of_a_day_lasts_a_day() {
        let life = Life::accepted(3, DAY, 5);
        let at = |now| lived(life, &[(now, Event::Turn)]).pop();
        assert_eq!(at(DAY * 1000 + 5), Some((State::Running, Effect::Start)));
        assert_eq!(at(DAY * 1000 + 6), Some((State::Ended(End::Expired), Effect::Notify(End::Expired))));
    }

    #[test]
    fn a_request_can_expire_between_attempts() {
        let life = Life::accepted(3, 1, 0);
        let ended = lived(life, &[(500, Event::Turn), (600, failed(1)), (1001, Event::Turn)]).pop();
        assert_eq!(ended, Some((State::Ended(End::Expired), Effect::Notify(End::Expired))));
    }

    #[test]
    fn a_canceled_run_is_not_repeated() {
        let life = Life::accepted(3, HOUR, 0);
        let events = [(0, Event::Turn), (1, Event::Cancel), (1, Event::Cancel), (2, failed(1)), (9, Event::Turn)];
        let expected = [
            (State::Running, Effect::Start),
            (State::Stopping, Effect::Stop),
            (State::Stopping, Effect::Nothing),
            (State::Ended(End::Canceled), Effect::Notify(End::Canceled)),
            (State::Ended(End::Canceled), Effect::Nothing),
        ];
        assert_eq!(lived(life, &events), expected);
    }

    #[test]
    fn an_attempt_that_could_not_start_does_not_count() {
        let life = Life::accepted(0, HOUR, 0);
        let unstarted = Event::NotStarted { attempt: 1 };
        let events = [(0, Event::Turn), (10, unstarted), (10, unstarted), (1010, Event::Turn), (1011, failed(1))];
        let expected = [
            (State::Running, Effect::Start),
            (State::Waiting { due: 1010 }, Effect::Nothing),
            (State::Waiting { due: 1010 }, Effect::Nothing),
            (State::Running, Effect::Start),
            (State::Ended(End::Failed), Effect::Notify(End::Failed)),
        ];
        assert_eq!(lived(life, &events), expected);
        let canceled = [(0, Event::Turn), (1, Event::Cancel), (2, unstarted)];
        let end = (State::Ended(End::Canceled), Effect::Notify(End::Canceled));
        assert_eq!(lived(life, &canceled).pop(), Some(end));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<i64> = [1, 2, 3, 6, 7, 31, 32, 33, u32::MAX].map(|failures| BACKOFF.wait(failures)).into();
        assert_eq!(waits, [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000]);
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => Just(Event::Turn),
            4 => (0..6_u32, any::<bool>()).prop_map(|(attempt, succeeded)| Event::AttemptEnded { attempt, succeeded }),
            1 => (0..6_u32).prop_map(|attempt| Event::NotStarted { attempt }),
            1 => Just(Event::Cancel),
        ]
    }

    proptest! {
        /// Any events, in any order and number.
        #[test]
        fn an_invocation_stays_within_its_limits_and_ends_for_good(retries in 0..=3_u32, validity in 1..=DAY, events in prop::collection::vec((event(), 0..40_000_000_i64), 0..60)) {
            let mut life = Life::accepted(retries, validity, 0);
            let (mut now, mut starts, mut notified) = (0, 0, Vec::new());
            for (event, later) in events {
                now += later;
                let before = life;
                let (next, effect) = life.on(event, now, BACKOFF);
                if next.attempts < before.attempts {
                    let is_unstarted = matches!(event, Event::NotStarted { .. });
                    prop_assert!(is_unstarted);
                    starts -= 1;
                }
                match effect {
                    Effect::Start => {
                        prop_assert!(now <= validity * 1000);
                        starts += 1;
                    }
                    Effect::Notify(end) => notified.push(end),
                    Effect::Nothing | Effect::Stop => {}
                }
                if let State::Ended(end) = before.state {
                    prop_assert_eq!((next, effect), (before, Effect::Nothing), "{:?} is for good", end);
                }
                life = next;
            }
            prop_assert!(starts <= retries + 1);
            prop_assert_eq!(starts, life.attempts);
            let ends: Vec<End> = match life.state { State::Ended(end) => vec![end], _ => vec![] };
            prop_assert_eq!(notified, ends);
        }

        /// If it gets turns and its attempts end, it ends.
        #[test]
        fn every_invocation_ends(retries in 0..=3_u32, validity in 1..=DAY, outcomes in prop::collection::vec(any::<bool>(), 4)) {
            let mut life = Life::accepted(retries, validity, 0);
            let mut now = 0;
            for succeeded in outcomes {
                life = life.on(Event::Turn, now, BACKOFF).0;
                life = life.on(Event::AttemptEnded { attempt: life.attempts, succeeded }, now, BACKOFF).0;
                now += 60_000;
            }
            prop_assert!(matches!(life.state, State::Ended(_)));
        }
    }
}
