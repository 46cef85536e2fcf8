//! fgctl reconciles Huawei Cloud FunctionGraph with YAML manifests, and brings a local FunctionGraph with it.
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
//! A module is a stage of the data's journey; a file in it is a kind of resource or a step. Which module may import
//! which is a table in `tests/integration/layout.rs`, and a test holds the code to it:
//!
//! - `diagnostic`, `redaction`, `model`, `wire`, `plan`: pure values and decisions. No files, network, clock, environment, `async`.
//! - `rules`: the service's ranges, lengths, alphabets and quotas, as data that every other module reads.
//! - `manifest`: files in, what is desired out. `remote`: the only one that changes the cloud; `client` is its HTTP.
//! - `apply`: carries a plan out. `render`: strings and JSON. `cli`: the only one that prints, exits and reads the
//!   environment. `server`: the local FunctionGraph, apart from all that.

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
