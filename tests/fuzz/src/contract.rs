//! What comes over the network or was left on the disk by an earlier run: payloads and facets, the agent's
//! outbox, rule files, tokens.

use deskwarden_domain::{
    rules::{RuleFile, RuleSet},
    token::Token,
};
use deskwarden_parse::text;
use deskwarden_proto::{
    Message,
    decode::{self, ItemPut, ValidBody},
    describe, digest, limits,
    v1::{
        Delta, Event, Facet, Gap, Item, ItemKey, Look, Payload, Sample, Section, SnapshotChunk, Software,
        SourceState, Stamp, payload::Body,
    },
};

use crate::{Target, measure::in_proportion, promise::texts};

/// The agent keeps its outbox's file format to itself; it is read here as it is there.
#[path = "../../../agent/src/outbox/frame.rs"]
mod frame;

const SECTIONS: [Section; 4] = [Section::Software, Section::Network, Section::Proxy, Section::Os];

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "payload",
        covers: &[],
        check: |bytes| {
            let Ok(valid) = decode::payload(bytes) else {
                return;
            };
            match &valid.body {
                ValidBody::Delta(delta) => delta.put.iter().for_each(item),
                ValidBody::Chunk(chunk) => {
                    assert!(chunk.index < limits::CHUNKS);
                    assert!(chunk.items.iter().all(|item| item.id.section == chunk.section));
                    chunk.items.iter().for_each(item);
                }
            }
        },
        seeds: payloads,
    },
    Target {
        name: "facet",
        covers: &[],
        check: |bytes| {
            for section in SECTIONS {
                let Ok(kind) = decode::facet(section, bytes) else {
                    continue;
                };
                assert_eq!(decode::section_of(&kind), section);
                // Shown as JSON and read back it is the same: that is how rules are tried on a snapshot.
                let json = describe::to_json(&kind, true);
                if !json.to_string().contains("unknown_") {
                    assert_eq!(describe::facet_from_json(section, &json).ok(), Some(kind));
                }
            }
            if let Ok(local) = decode::local(bytes) {
                let json = describe::to_json(&local, true);
                assert_eq!(describe::local_from_json(&json).ok(), Some(local));
            }
        },
        seeds: || vec![facet(), vec![], vec![0x0a, 0x02, 0x0a, 0x00]],
    },
    Target {
        name: "outbox",
        covers: &[],
        check: |bytes| {
            let frames = match frame::parse(bytes) {
                frame::Parsed::Whole(frames) => frames,
                frame::Parsed::Torn { frames, end } => {
                    assert!(end < bytes.len() && !frames.is_empty());
                    let sound = frame::parse(&bytes[..end]);
                    assert!(matches!(sound, frame::Parsed::Whole(found) if found.len() == frames.len()));
                    frames
                }
                frame::Parsed::Damaged { offset } => {
                    assert!(offset <= bytes.len());
                    return;
                }
            };
            let mut again = Vec::new();
            for (position, found) in frames.iter().enumerate() {
                assert!(found.body.len() <= frame::MAX_BODY);
                frame::write(&mut again, position as u64, found.kind, &[found.body]);
            }
            assert!(bytes.starts_with(&again), "what was read is what was written");
            if let [one] = frames.as_slice() {
                assert_eq!(frame::check(&again), Some(one.body));
            }
        },
        seeds: || {
            let mut whole = Vec::new();
            frame::write(&mut whole, 0, frame::Kind::Header, &[b"head"]);
            frame::write(&mut whole, 1, frame::Kind::Terms, &[b""]);
            frame::write(&mut whole, 2, frame::Kind::Record, &[b"one", b"two"]);
            let torn = whole[..whole.len() - 2].to_vec();
            let damaged = [&whole[..19], &[0xff], &whole[20..]].concat();
            vec![whole, torn, damaged]
        },
    },
    Target {
        name: "rule-file",
        covers: &[],
        check: |bytes| {
            let content = text::decode(bytes);
            let file = RuleFile {
                name: "a.toml",
                content: &content,
            };
            match RuleSet::load(&[file]) {
                Ok(set) => {
                    let again = RuleSet::load(&[file]).expect("a file that loads once loads again");
                    assert_eq!(again.rules().len(), set.rules().len());
                }
                Err(faults) => {
                    assert!(!faults.is_empty());
                    let lines = content.split('\n').count();
                    for fault in &faults {
                        assert!(fault.line <= lines.max(1), "{fault}");
                        assert!(!fault.what.is_empty() && !fault.help.is_empty());
                    }
                    in_proportion(bytes, &faults.iter().map(|fault| &fault.what).collect::<Vec<_>>());
                }
            }
        },
        seeds: rule_files,
    },
    Target {
        name: "token",
        covers: &[],
        check: |bytes| {
            let copied = text::decode(bytes);
            if let Ok(token) = Token::parse(&copied) {
                assert_eq!(token.reveal().len(), 29);
                assert!(Token::parse(token.reveal()).is_ok_and(|again| again == token));
                assert!(!format!("{token:?}").contains(token.reveal()));
            }
        },
        seeds: || {
            let token = Token::from_random([7; 16]).reveal().to_owned();
            vec![
                format!(" {} \n", token.to_uppercase()).into_bytes(),
                token.into_bytes(),
            ]
        },
    },
];

fn item(item: &ItemPut) {
    assert!(item.id.key.len() <= limits::KEY_BYTES && item.id.principal.len() <= limits::PRINCIPAL_BYTES);
    assert!(decode::facet(item.id.section, &item.facet).is_ok());
    assert!(decode::local(&item.local).is_ok());
    assert_eq!(item.facet_hash, digest::facet(&item.facet));
}

fn facet() -> Vec<u8> {
    Facet::from(Software {
        name: "QQ".into(),
        version: "9.7".into(),
        package: "linuxqq".into(),
        ..Software::default()
    })
    .encode_to_vec()
}

fn payloads() -> Vec<Vec<u8>> {
    let section = Section::Software.into();
    let source = SourceState {
        section,
        source: "dpkg".into(),
        look: Look::Partial.into(),
        reason: "one file is damaged".into(),
    };
    let put = Item {
        section,
        source: "dpkg".into(),
        key: "qq:amd64".into(),
        principal: String::new(),
        facet: facet().into(),
        local: vec![].into(),
    };
    let delta = Delta {
        sources: vec![source.clone()],
        gone: vec![ItemKey {
            section,
            source: "dpkg".into(),
            key: "vim".into(),
            principal: "1000".into(),
        }],
        put: vec![put.clone()],
        events: vec![Event {
            id: vec![1; 16],
            kind: "crash".into(),
            section,
            key: "k".into(),
            facet: facet(),
            ..Event::default()
        }],
        samples: vec![Sample {
            name: "load".into(),
            value: 0.5,
            unit: "1".into(),
        }],
        gaps: vec![Gap {
            section,
            records: 3,
            reason: "disk full".into(),
            ..Gap::default()
        }],
        ..Delta::default()
    };
    let chunk = SnapshotChunk {
        section,
        snapshot_id: vec![2; 16],
        last: true,
        sources: vec![source],
        items: vec![put],
        ..SnapshotChunk::default()
    };
    [Body::Delta(delta), Body::Chunk(chunk)]
        .map(|body| {
            Payload {
                stamp: Some(Stamp {
                    observed_at_ms: 1,
                    boot_id: "b".into(),
                    monotonic_ms: 2,
                }),
                body: Some(body),
            }
            .encode_to_vec()
        })
        .to_vec()
}

fn rule_files() -> Vec<Vec<u8>> {
    texts([
        include_str!("../../../collector/rules/categories.toml"),
        "[[rule]]\nid = \"a.b\"\nseverity = \"low\"\nkind = \"item\"\nsections = [\"software\"]\ntitle = { zh = \"甲\", en = \"A\" }\nmessage = { zh = \"{asset} {subject}\", en = \"{asset} {subject}\" }\nselect = { name = [\"qq\"] }\n",
        "[[rule]]\nid = \"a.c\"\nseverity = \"high\"\nkind = \"item\"\nsections = [\"network\", \"os\"]\ntitle = { zh = \"甲\", en = \"A\" }\nmessage = { zh = \"乙\", en = \"B\" }\nwhen = \"item.kind == 'ethernet' && item.addresses.exists(a, a.ip.matches('^10[.]'))\"\n",
        "[[entry]]\nid = \"qq\"\nname = \"QQ\"\ncategories = [\"chat\"]\npackages = [\"linuxqq\"]\ntitles = [\"腾讯QQ\", \"QQ*\"]\n[lists]\na = [\"b\"]\n",
        "[[regulation]]\nid = \"PC\"\ntitle = { zh = \"甲\", en = \"A\" }\n[[regulation.clause]]\nnumber = \"3.1\"\n",
        "a = [[[[[[[[1",
        "x.\"\\u0000\" = 1",
    ])
}
