//! The flow of events as a drawing, in several formats.

pub mod dot;
mod fold;
pub mod json;
mod layout;
pub mod mermaid;
pub mod svg;
#[cfg(test)]
mod tests;
pub mod text;

use crate::plan::flow::{Edge, Lifetime, Via};

/// The words at an edge: what happens, and whatever is special about it.
struct Words {
    what: String,
    remarks: Vec<&'static str>,
}

fn words(edge: &Edge) -> Words {
    let what = match &edge.via {
        Via::Success => "success".to_owned(),
        Via::Failure => "failure".to_owned(),
        Via::Log => "log".to_owned(),
        Via::Record => "record".to_owned(),
        Via::Trigger { key, code: _ } => key.clone(),
    };
    let possible = (!edge.is_certain).then_some("possible");
    let cycle = (edge.is_in_cycle && edge.lifetime != Lifetime::Removed).then_some("cycle");
    Words { what, remarks: possible.into_iter().chain(cycle).collect() }
}
