//! fgctl reconciles Huawei Cloud FunctionGraph with YAML manifests and contains a local FunctionGraph server.
//!
//! ```text
//!    YAML files                                         FunctionGraph (the cloud, or our own server)
//!        │                                                        ▲ │
//!        ▼                                                        │ ▼  HTTP, JSON = wire
//!    manifest ──► model::state::DesiredState ─┐                  client
//!                                             ├─► plan ──► apply  │
//!                 model::state::LiveState  ───┘              │    │
//!                       ▲                                    ▼    │
//!                       └──────────────────── remote ◄───────┴────┘
//!    server  ── speaks wire from the other side; shares only that and the rules with this crate
//! ```
//!
//! A module is a stage that data passes through; a file in it is a kind of resource or a step. A table in
//! `tests/integration/layout/imports.rs` lists which module may import which, and a test enforces it:
//!
//! - `diagnostic`, `redaction`, `model`, `wire`, `plan`: pure values and decisions. No files, network, clock,
//!   environment or `async`.
//! - `rules`: the service's ranges, lengths, alphabets, quotas and names, as data that every other module reads.
//! - `manifest`: reads files and returns the desired state. `remote`: the only module that changes the cloud; `client`
//!   does its HTTP.
//! - `apply`: carries out a plan. `render`: produces text and JSON. `cli`: the only module that prints, exits and reads
//!   the environment. `server`: the local FunctionGraph, separate from the rest.

pub mod apply;
pub mod cli;
pub mod client;
pub mod diagnostic;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod redaction;
pub mod remote;
pub mod render;
pub mod rules;
pub mod server;
pub mod wire;
