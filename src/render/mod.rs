//! Results as text, JSON and Markdown. Everything here returns strings or JSON; `cli` prints them.

mod alike;
mod change;
mod comment;
mod count;
pub mod diagnostic;
pub mod drift;
mod effect;
pub mod explanation;
pub mod failed;
pub mod findings;
pub mod github;
pub mod gitlab;
pub mod graph;
mod group;
pub mod home;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod plan;
pub mod report;
pub mod sarif;
mod skipped;
pub mod stale;
mod style;
pub mod terminal;
pub mod timeline;
mod value;

pub use group::Detail;
pub use style::printable;
