//! CEL conditions.

#[derive(Debug)]
pub(crate) struct Condition;
