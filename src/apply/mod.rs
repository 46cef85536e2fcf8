//! Plan → effects: each change as soon as what it waits for is done, so many at once, and a report of what came of it.
//!
//! It decides nothing that the plan has not decided, and it does not print: whoever runs it is told of each end.

mod closing;
mod error;
mod executor;
mod look;
#[cfg(test)]
mod moments;
mod outcome;
mod ride;
mod schedule;
mod step;

pub use error::Error;
pub use executor::run;
pub use outcome::{Because, Report, Status};
pub use step::{Archive, Effects};
