//! Results as text: for people and for programs. Everything here returns strings or JSON; printing is the command line's.

pub mod diagnostic;
pub mod drift;
pub mod json;
pub mod plan;
pub mod report;
mod style;
pub mod timeline;
mod value;
