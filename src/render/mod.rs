//! Results as text, JSON and Markdown. Everything here returns strings or JSON; `cli` prints them.

pub mod diagnostic;
pub mod drift;
mod effect;
pub mod explanation;
pub mod github;
pub mod gitlab;
pub mod graph;
pub mod home;
pub mod json;
pub mod markdown;
pub mod plan;
pub mod report;
pub mod stale;
mod style;
pub mod terminal;
pub mod timeline;
mod value;

pub use style::printable;
