//! An invocation and the invocations that it started, as a tree in time order.

use jiff::{SignedDuration, Timestamp};
use std::fmt::Write;

use crate::model::invocation::{Attempt, Delivery, DeliveryState, Invocation, RunError, Status, Triggered};

use super::style::{BOLD, DIM, GREEN, RED, YELLOW, paint, printable};

/// A tree: each attempt with its duration and error, each wait, and each notification with its destination.
pub fn human(invocation: &Invocation) -> String {
    let mut text = String::new();
    write_invocation(&mut text, invocation, "");
    text
}

/// One line for each invocation, the latest last.
pub fn list(invocations: &[Invocation]) -> String {
    let line = |invocation: &Invocation| {
        let Invocation { request_id, status, attempts, ended, error, .. } = invocation;
        let started = attempts.first().map_or_else(|| "-".to_owned(), |attempt| seconds_of(attempt.started));
        let ended = ended.map_or_else(|| "-".to_owned(), seconds_of);
        let error = error.as_ref().map(error_note).unwrap_or_default();
        format!("{}  {}  {started}  {ended}{error}\n", printable(request_id), paint_status(*status, 7))
    };
    invocations.iter().map(line).collect()
}

/// What the first unfinished step waits for, if there is one.
pub fn waits_for(invocation: &Invocation) -> Option<String> {
    let Invocation { function, status, next_attempt, attempts, notification, .. } = invocation;
    let function = short(function);
    if !status.is_final() {
        let next = next_attempt.map(|next| format!(", next attempt at {}", seconds_of(next))).unwrap_or_default();
        let number = attempts.len();
        return Some(match (status, number) {
            (Status::Running, _) => format!("{function} to end attempt {number}"),
            (_, 0) => format!("{function} to start"),
            _ => format!("{function} to start again{next}"),
        });
    }
    let Delivery { destination, target, state, last_error, .. } = notification.as_ref()?;
    if *state == DeliveryState::Pending {
        let trouble = last_error.as_ref().map(|error| format!(": {}", printable(error))).unwrap_or_default();
        return Some(format!("the notification of {function} to {destination} {}{trouble}", short(target)));
    }
    invocation.started().find_map(waits_for)
}

/// `indent` is the prefix of every line below this invocation.
fn write_invocation(text: &mut String, invocation: &Invocation, indent: &str) {
    let Invocation { request_id, function, status, accepted, ended, next_attempt, attempts, error, notification } =
        invocation;
    let began = accepted.or_else(|| attempts.first().map(|attempt| attempt.started));
    let took = began.zip(*ended).map(|(began, ended)| format!(" after {}", span(began, ended))).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} {}{took}", paint(BOLD, short(function)), paint_status(*status, 0));
    let mut entries = vec![paint(DIM, format_args!("request {}", printable(request_id)))];
    let mut before = *accepted;
    for (index, attempt) in attempts.iter().enumerate() {
        entries.extend(before.and_then(|before| wait(before, attempt.started)));
        entries.push(attempt_line(index + 1, attempt));
        before = attempt.ended;
    }
    entries.extend(next_attempt.map(|next| format!("next attempt at {next}")));
    let last = attempts.last().and_then(|attempt| attempt.error.as_ref());
    entries
        .extend(error.as_ref().filter(|error| Some(*error) != last).map(|error| format!("ended{}", error_note(error))));
    entries.extend(notification.as_ref().map(delivery_line));
    for (index, entry) in entries.iter().enumerate() {
        let branch = if index + 1 == entries.len() { "└─" } else { "├─" };
        let _ = writeln!(text, "{indent}{branch} {entry}");
    }
    if let Some(delivery) = notification {
        write_started(text, delivery, indent);
    }
}

/// What a notification started: the function that it is for, or the functions of triggers.
fn write_started(text: &mut String, delivery: &Delivery, indent: &str) {
    let Delivery { invocation, triggered, .. } = delivery;
    let direct = invocation.iter().map(|next| (String::new(), Some(next.as_ref())));
    let triggered = triggered.iter().map(|Triggered { trigger, function, error, invocation }| {
        let error = error
            .as_ref()
            .map(|error| format!("{}  {}: {}", short(function), paint(RED, "not started"), printable(error)));
        (format!("{} trigger: {}", printable(trigger), error.unwrap_or_default()), invocation.as_ref())
    });
    let started: Vec<(String, Option<&Invocation>)> = direct.chain(triggered).collect();
    for (index, (cause, next)) in started.iter().enumerate() {
        let (branch, below) = if index + 1 == started.len() { ("└─", "  ") } else { ("├─", "│ ") };
        let _ = write!(text, "{indent}   {branch} {cause}");
        match next {
            Some(next) => write_invocation(text, next, &format!("{indent}   {below} ")),
            None => text.push('\n'),
        }
    }
}

fn attempt_line(number: usize, attempt: &Attempt) -> String {
    let Attempt { started, ended, error } = attempt;
    let took = ended.map_or_else(|| "is running".to_owned(), |ended| span(*started, ended));
    let end = match (ended, error) {
        (_, Some(error)) => format!(" {}{}", paint(RED, "failed"), error_note(error)),
        (Some(_), None) => format!(" {}", paint(GREEN, "succeeded")),
        (None, None) => String::new(),
    };
    format!("attempt {number}  {took}{end}")
}

fn delivery_line(delivery: &Delivery) -> String {
    let Delivery { destination, target, state, tries, last_error, location, invocation: _, triggered: _ } = delivery;
    let place = location.as_ref().map(|location| format!(", at {}", printable(location))).unwrap_or_default();
    let tried = if *tries > 1 { format!(" (tried {tries} times)") } else { String::new() };
    let trouble = last_error.as_ref().map(|error| format!(": {}", printable(error))).unwrap_or_default();
    let end = match state {
        DeliveryState::Delivered => format!("{}{place}{tried}", paint(GREEN, "delivered")),
        DeliveryState::Pending => format!("{}{tried}{trouble}", paint(YELLOW, "not delivered yet")),
        DeliveryState::GivenUp => format!("{}{tried}{trouble}", paint(RED, "given up")),
    };
    format!("notified {} {}  {end}", printable(destination), short(target))
}

/// The wait between two times, if it is long enough to show.
fn wait(from: Timestamp, to: Timestamp) -> Option<String> {
    let waited = to.duration_since(from);
    (waited >= SignedDuration::from_millis(10)).then(|| paint(DIM, format_args!("waited {}", span(from, to))))
}

fn span(from: Timestamp, to: Timestamp) -> String {
    let milliseconds = to.duration_since(from).as_millis().max(0);
    if milliseconds < 1_000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
    }
}

fn error_note(error: &RunError) -> String {
    let RunError { code, message } = error;
    format!("  {code}: {}", printable(message))
}

fn paint_status(status: Status, width: usize) -> String {
    let style = match status {
        Status::Wait | Status::Running => YELLOW,
        Status::Success => GREEN,
        Status::Fail | Status::Discard => RED,
    };
    paint(style, format_args!("{:width$}", status.name()))
}

fn seconds_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A function's URN without the prefix that all URNs of the project share; other names unchanged.
fn short(name: &str) -> String {
    let function = name.split_once(":function:").map(|(_, rest)| rest.replacen(':', "/", 1));
    printable(function.as_deref().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn invocation(function: &str) -> Invocation {
        Invocation {
            request_id: "r1".into(),
            function: format!("urn:fss:eu-de:p:function:default:{function}:latest"),
            status: Status::Success,
            accepted: Some(at(0)),
            ended: Some(at(3)),
            next_attempt: None,
            attempts: vec![Attempt { started: at(0), ended: Some(at(3)), error: None }],
            error: None,
            notification: None,
        }
    }

    #[test]
    fn waiting_is_for_the_first_unfinished_step() {
        let delivery = Delivery {
            destination: "FunctionGraph".into(),
            target: "urn:fss:eu-de:p:function:default:later".into(),
            state: DeliveryState::Pending,
            tries: 3,
            last_error: Some("can not find function default/later".into()),
            location: None,
            invocation: None,
            triggered: Vec::new(),
        };
        let pending = Invocation { notification: Some(delivery.clone()), ..invocation("test1") };
        let expected = "the notification of default/test1:latest to FunctionGraph default/later: can not find function \
                        default/later";
        assert_eq!(waits_for(&pending).as_deref(), Some(expected));
        let running = Invocation { status: Status::Running, ..invocation("test2") };
        let next = Some(Box::new(running));
        let delivered = Delivery { state: DeliveryState::Delivered, invocation: next, ..delivery };
        let chain = Invocation { notification: Some(delivered), ..invocation("test1") };
        assert_eq!(waits_for(&chain).as_deref(), Some("default/test2:latest to end attempt 1"));
        assert_eq!(waits_for(&invocation("test1")), None);
    }

    #[test]
    fn a_chain_is_shown_as_a_tree() {
        let boom = RunError { code: 4002, message: "boom".into() };
        let failed = Attempt { started: at(0), ended: Some(at(1)), error: Some(boom.clone()) };
        let delivery = Delivery {
            destination: "FunctionGraph".into(),
            target: "urn:fss:eu-de:p:function:default:test3:latest".into(),
            state: DeliveryState::Delivered,
            tries: 1,
            last_error: None,
            location: None,
            invocation: Some(Box::new(invocation("test3"))),
            triggered: Vec::new(),
        };
        let first = Invocation {
            status: Status::Fail,
            attempts: vec![failed.clone(), Attempt { started: at(2), ended: Some(at(3)), ..failed }],
            error: Some(boom),
            notification: Some(delivery),
            ..invocation("test1")
        };
        let text = anstream::adapter::strip_str(&human(&first)).to_string();
        insta::assert_snapshot!(text, @r"
        default/test1:latest FAIL after 3.0 s
        ├─ request r1
        ├─ attempt 1  1.0 s failed  4002: boom
        ├─ waited 1.0 s
        ├─ attempt 2  1.0 s failed  4002: boom
        └─ notified FunctionGraph default/test3:latest  delivered
           └─ default/test3:latest SUCCESS after 3.0 s
              ├─ request r1
              └─ attempt 1  3.0 s succeeded
        ");
    }

    #[test]
    fn each_trigger_is_a_branch() {
        let triggered = |name: &str, error: Option<&str>| Triggered {
            trigger: "OBS".into(),
            function: format!("urn:fss:eu-de:p:function:default:{name}:latest"),
            error: error.map(Into::into),
            invocation: error.is_none().then(|| invocation(name)),
        };
        let delivery = Delivery {
            destination: "OBS".into(),
            target: "results/out".into(),
            state: DeliveryState::Delivered,
            tries: 1,
            last_error: None,
            location: Some("obs/results/out/r1.json".into()),
            invocation: None,
            triggered: vec![triggered("test2", None), triggered("test3", Some("Function Disabled"))],
        };
        let first = Invocation { notification: Some(delivery), ..invocation("test1") };
        assert!(first.is_quiet() && !first.has_succeeded());
        let text = anstream::adapter::strip_str(&human(&first)).to_string();
        insta::assert_snapshot!(text, @r"
        default/test1:latest SUCCESS after 3.0 s
        ├─ request r1
        ├─ attempt 1  3.0 s succeeded
        └─ notified OBS results/out  delivered, at obs/results/out/r1.json
           ├─ OBS trigger: default/test2:latest SUCCESS after 3.0 s
           │  ├─ request r1
           │  └─ attempt 1  3.0 s succeeded
           └─ OBS trigger: default/test3:latest  not started: Function Disabled
        ");
    }
}
