//! A failure in one line: what happened and why, each said once. Decides nothing about failures.

/// The failure and its causes. One that is in the words before it already is not said again.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let words = cause.to_string();
        if said.is_empty() {
            said = words;
        } else if !said.contains(&words) {
            said.push_str(": ");
            said.push_str(&words);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot reach pc: {source}; check the network")]
    struct Unreachable {
        source: io::Error,
    }

    #[test]
    fn a_cause_is_said_once() {
        let source = io::Error::other("nobody there");
        let error = anyhow::Error::from(Unreachable { source }).context("not enrolled");
        assert_eq!(
            told(&error),
            "not enrolled: cannot reach pc: nobody there; check the network"
        );
    }
}
