//! The whole program, from outside.

mod validate;
