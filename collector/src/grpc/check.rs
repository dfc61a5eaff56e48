//! What agents say about themselves: bounded and cleaned before anything else sees it.

use deskwarden_proto::{
    PROTOCOL, PROTOCOL_OLDEST,
    limits::{HINT_BYTES, HINT_VALUES, cut},
    v1::{Hello, HostHints, Section},
};

/// Longest version or platform, in bytes.
const NAME_BYTES: usize = 64;
/// Longest resume token, in bytes.
const TOKEN_BYTES: usize = 64;
/// Longest name of a run, in bytes.
const INSTANCE_BYTES: usize = 16;

/// Why a hello is not answered with a welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHello {
    /// No version of the contract in common.
    Protocol,
    /// A part that is too long or not what it must be.
    Malformed(&'static str),
}

/// The version of the contract that both speak, and the hello with everything in bounds.
pub(super) fn hello(mut hello: Hello) -> Result<(u32, Hello), BadHello> {
    if hello.protocol < PROTOCOL_OLDEST || hello.protocol_oldest > PROTOCOL {
        return Err(BadHello::Protocol);
    }
    if hello.resume_token.len() > TOKEN_BYTES {
        return Err(BadHello::Malformed("the resume token is too long"));
    }
    if hello.instance.len() > INSTANCE_BYTES {
        return Err(BadHello::Malformed("the name of the run is too long"));
    }
    if hello.digests.len() > deskwarden_proto::section::ALL.len() {
        return Err(BadHello::Malformed("there are more digests than sections"));
    }
    for digest in &hello.digests {
        let known = !matches!(
            Section::try_from(digest.section),
            Ok(Section::Unspecified) | Err(_)
        );
        if !known || digest.digest.len() != 16 {
            return Err(BadHello::Malformed("a digest is not one of a section"));
        }
    }
    if hello.acknowledged == u64::MAX || hello.epoch >= u64::from(u32::MAX) {
        return Err(BadHello::Malformed("the position is impossible"));
    }
    hello.agent_version = name(&hello.agent_version);
    hello.platform = name(&hello.platform);
    hello.hints = hello.hints.map(hints);
    Ok((hello.protocol.min(PROTOCOL), hello))
}

/// A version or platform: short and printable.
pub(super) fn name(text: &str) -> String {
    clean(text, NAME_BYTES)
}

/// Hints within their bounds. They are shown to people only, so what is too long is cut, not refused.
pub(super) fn hints(hints: HostHints) -> HostHints {
    let one = |text: String| clean(&text, HINT_BYTES);
    let many = |texts: Vec<String>| {
        texts
            .iter()
            .take(HINT_VALUES)
            .map(|text| clean(text, HINT_BYTES))
            .collect()
    };
    HostHints {
        hostname: one(hints.hostname),
        system_serial: one(hints.system_serial),
        board_serial: one(hints.board_serial),
        system_uuid: one(hints.system_uuid),
        macs: many(hints.macs),
        disk_serials: many(hints.disk_serials),
        department: one(hints.department),
        model: one(hints.model),
        portable: hints.portable,
    }
}

/// Without control characters and those that turn the direction of text around.
fn clean(text: &str, max: usize) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    cut(text, max)
        .chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::SectionDigest;

    use super::*;

    fn good() -> Hello {
        Hello {
            protocol: PROTOCOL,
            protocol_oldest: PROTOCOL_OLDEST,
            ..Hello::default()
        }
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        assert_eq!(hello(good()).unwrap().0, PROTOCOL);
        assert_eq!(
            hello(Hello {
                protocol: PROTOCOL + 5,
                ..good()
            })
            .unwrap()
            .0,
            PROTOCOL
        );
    }

    #[test]
    fn no_common_version_is_refused() {
        assert_eq!(
            hello(Hello {
                protocol: 0,
                ..good()
            }),
            Err(BadHello::Protocol)
        );
        let future = Hello {
            protocol: PROTOCOL + 5,
            protocol_oldest: PROTOCOL + 1,
            ..good()
        };
        assert_eq!(hello(future), Err(BadHello::Protocol));
    }

    #[test]
    fn a_malformed_hello_is_refused() {
        let digest = |section: i32, length: usize| SectionDigest {
            section,
            digest: vec![0; length],
        };
        for bad in [
            Hello {
                resume_token: vec![0; 65],
                ..good()
            },
            Hello {
                instance: vec![0; 17],
                ..good()
            },
            Hello {
                digests: vec![digest(1, 16); 16],
                ..good()
            },
            Hello {
                digests: vec![digest(1, 15)],
                ..good()
            },
            Hello {
                digests: vec![digest(0, 16)],
                ..good()
            },
            Hello {
                digests: vec![digest(999, 16)],
                ..good()
            },
            Hello {
                acknowledged: u64::MAX,
                ..good()
            },
            Hello {
                epoch: u64::MAX,
                ..good()
            },
        ] {
            assert!(
                matches!(hello(bad.clone()), Err(BadHello::Malformed(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn hints_are_cut_and_cleaned() {
        let told = HostHints {
            hostname: format!("a\n\u{202e}b{}", "路".repeat(400)),
            macs: vec!["x".into(); 100],
            ..HostHints::default()
        };
        let kept = hints(told);
        assert!(kept.hostname.starts_with("ab路") && kept.hostname.len() <= HINT_BYTES);
        assert_eq!(kept.macs.len(), HINT_VALUES);
    }
}
