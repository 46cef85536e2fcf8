pub mod cli;
pub mod diagnostic;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod render;
pub mod wire;
