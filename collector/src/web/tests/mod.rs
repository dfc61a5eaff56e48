//! The dashboard against a real store.
