//! Applies a plan: runs each change as soon as the changes that it waits for are done, several at the same time, and
//! reports the results.
//!
//! It makes no decisions that the plan has not made, and it does not print. The caller receives each start and each result.

mod closing;
mod deletions;
mod error;
mod executor;
mod existing;
mod look;
#[cfg(test)]
mod moments;
mod outcome;
mod packages;
mod ride;
mod schedule;
mod step;
mod trigger;

pub use error::{CodeError, Error};
pub use executor::run;
pub use outcome::{Because, Event, Report, Status};
pub use step::{Effects, PackCode, PackPackage};
