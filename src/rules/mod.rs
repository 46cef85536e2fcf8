//! The service's rules as data: ranges, lengths, alphabets, quotas, the form of URNs and the names of
//! statuses, each written once.
//!
//! The manifest's types and schema, the wire contract and the embedded server all read them here, so the server accepts
//! whatever `validate` accepts.
//!
//! Sources: the vendor's API definitions and documentation. Where they disagree, the rule for requests applies, because
//! the service enforces it.

pub mod entry_name;
pub mod field;
pub mod invocation;
pub mod number;
pub mod quota;
pub mod runtime;
pub mod text;
pub mod trigger;
pub mod trigger_text;
pub mod urn;
