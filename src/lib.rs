pub mod cli;
pub mod diagnostic;
pub mod model;
pub mod server;
pub mod wire;
