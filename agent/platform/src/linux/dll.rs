//! Where libraries come from: decided when the program is linked, and by the system's own paths.

/// Nothing to do here.
pub fn guard_libraries() {}
