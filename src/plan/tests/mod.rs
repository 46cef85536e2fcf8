//! Decision tables and properties of the planner, without a network: plans are applied to a model of a project.

mod comparison;
mod drift;
mod guards;
mod ignored;
mod later_fields;
mod laws;
mod ownership;
mod project;
mod secrets;
mod selection;
mod triggers;
mod values;

pub(crate) use laws::{NAMES, any_two_stacks, carry_out};
pub(crate) use project::{after_apply, applied, apply_step, live_trigger, remove_tag};
pub(crate) use values::{
    add_outside, address, code, described, errors, everything_allowed, existing, live_function, live_policy, marks_of,
    nothing_live, notifies, notifying, objects, on_objects, policy, publish, qualifier_named, scope, stack, started_by,
    target, trigger, urn_of, waits, wanted, with_existing,
};
