//! Who signed a program of Windows: the signature that is kept behind it (PKCS #7), and in it the certificate of the
//! signer. Says who is named, not whether the signature holds; that is the system's to check.

use crate::{
    pe::{self, u16_at, u32_at},
    sqlite::Blocks,
    text,
};

/// Largest table of signatures that is read.
const MAX_TABLE: u32 = 256 << 10;
/// Most certificates of a signature.
const MAX_CERTIFICATES: usize = 64;
/// Most parts of a name.
const MAX_PARTS: usize = 64;
/// Longest name that is kept.
const MAX_TEXT: usize = 256;
/// The directory of a program that leads to its signatures.
const SECURITY: usize = 4;
/// Kind of signatures that are PKCS #7.
const SIGNED_DATA: u16 = 2;
/// 1.2.840.113549.1.7.2
const OF_SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// Parts of a name by which one is known, the best first: common name, organisation, unit.
const NAMES: [&[u8]; 3] = [&[0x55, 4, 3], &[0x55, 4, 10], &[0x55, 4, 11]];

const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The first field that has no kind of its own.
const FIRST: u8 = 0xa0;

/// The publisher that a program's signature names; `None` where the bytes are no program, or it is not signed.
pub fn signer_of(mut blocks: impl Blocks) -> Option<String> {
    // Unlike all others, this directory gives a place in the file.
    let (at, size) = pe::directory(&mut blocks, SECURITY)?;
    if at == 0 || size < 8 {
        return None;
    }
    let table = blocks.read(at.into(), usize::try_from(size.min(MAX_TABLE)).ok()?)?;
    let mut rest = table.as_slice();
    while let Some(length) = u32_at(rest, 0).and_then(|length| usize::try_from(length).ok()) {
        let entry = rest.get(8..length.min(rest.len()))?;
        if u16_at(rest, 6) == Some(SIGNED_DATA)
            && let Some(signer) = parse_signer(entry)
        {
            return Some(signer);
        }
        rest = rest.get(length.max(8).checked_next_multiple_of(8)?..)?;
    }
    None
}

/// The signer that signed data names, by its certificate in it.
pub fn parse_signer(bytes: &[u8]) -> Option<String> {
    let (content, _) = take(bytes, SEQUENCE)?;
    let (kind, content) = take(content, OBJECT)?;
    if kind != OF_SIGNED_DATA {
        return None;
    }
    let (signed, _) = take(take(content, FIRST)?.0, SEQUENCE)?;
    let (_, rest) = take(signed, INTEGER)?;
    let (_, rest) = take(rest, SET)?;
    let (_, rest) = take(rest, SEQUENCE)?;
    let (certificates, rest) = take(rest, FIRST)?;
    // Lists of what was revoked may stand before the signers.
    let rest = take(rest, FIRST + 1).map_or(rest, |(_, after)| after);
    let (signer, _) = take(take(rest, SET)?.0, SEQUENCE)?;
    let (_, signer) = take(signer, INTEGER)?;
    let (wanted, _) = take(signer, SEQUENCE)?;
    let (issuer, serial) = take(wanted, SEQUENCE)?;
    let (serial, _) = take(serial, INTEGER)?;

    let mut rest = certificates;
    for _ in 0..MAX_CERTIFICATES {
        let (certificate, after) = take(rest, SEQUENCE)?;
        if let Some(subject) = subject(certificate, issuer, serial) {
            return name(subject);
        }
        rest = after;
    }
    None
}

/// Whose a certificate is, if it has that issuer and number.
fn subject<'a>(certificate: &'a [u8], issuer: &[u8], serial: &[u8]) -> Option<&'a [u8]> {
    let (body, _) = take(certificate, SEQUENCE)?;
    let body = take(body, FIRST).map_or(body, |(_, after)| after);
    let (number, body) = take(body, INTEGER)?;
    let (_, body) = take(body, SEQUENCE)?;
    let (by, body) = take(body, SEQUENCE)?;
    let (_, body) = take(body, SEQUENCE)?;
    let (subject, _) = take(body, SEQUENCE)?;
    (number == serial && by == issuer).then_some(subject)
}

/// The part of a name by which one is known.
fn name(subject: &[u8]) -> Option<String> {
    let mut found: [Option<String>; NAMES.len()] = Default::default();
    let mut rest = subject;
    for _ in 0..MAX_PARTS {
        let Some((set, after)) = take(rest, SET) else {
            break;
        };
        rest = after;
        let Some((kind, value)) = take(set, SEQUENCE).and_then(|(part, _)| take(part, OBJECT)) else {
            continue;
        };
        let slot = NAMES.iter().position(|of| *of == kind);
        if let Some(slot) = slot.and_then(|index| found.get_mut(index)) {
            // The last one stands nearest to who it is.
            *slot = shown(value).or(slot.take());
        }
    }
    found.into_iter().flatten().next()
}

/// A text of a certificate, in whichever of its encodings; without what would not be seen.
fn shown(value: &[u8]) -> Option<String> {
    let (kind, bytes, _) = element(value)?;
    let text = match kind {
        // UTF-8, printable, IA5, visible
        0x0c | 0x13 | 0x16 | 0x1a => text::decode(bytes).into_owned(),
        // T61: what is written so is Latin in practice.
        0x14 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        // UTF-16, the high byte first
        0x1e => {
            let units = bytes
                .chunks_exact(2)
                .filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
            char::decode_utf16(units)
                .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => return None,
    };
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    let text = text::kept(&text, MAX_TEXT).to_owned();
    (!text.is_empty()).then_some(text)
}

/// What is inside the first element if it is of that kind, and what follows it.
fn take(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (kind, inside, after) = element(bytes)?;
    (kind == wanted).then_some((inside, after))
}

/// Kind and content of the first element, and what follows it. Lengths are definite, as signatures have them.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [kind, first, rest @ ..] = bytes else {
        return None;
    };
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = digits
                .iter()
                .fold(0usize, |sum, digit| sum << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((*kind, inside, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed by osslsigncode with certificates of openssl: a chain of three, the signer's name in UTF-8.
    const SIGNED: &[u8] = include_bytes!("../fixtures/pe/signed.exe");
    /// The same with the name as UTF-16, as older authorities write it, and only an organisation.
    const WIDE: &[u8] = include_bytes!("../fixtures/pe/signed-wide.exe");
    const PLAIN: &[u8] = include_bytes!("../fixtures/pe/version.exe");

    #[test]
    fn the_signer_is_told_and_not_who_signed_its_certificate() {
        assert_eq!(signer_of(SIGNED).as_deref(), Some("样例科技(深圳)有限公司"));
        assert_eq!(signer_of(WIDE).as_deref(), Some("样例软件有限公司"));
    }

    #[test]
    fn a_program_without_a_signature_has_no_signer() {
        assert_eq!(signer_of(PLAIN), None);
        assert_eq!(signer_of(&SIGNED[..SIGNED.len() - 4_000]), None);
        assert_eq!(signer_of(&b"MZ"[..]), None);
        assert_eq!(parse_signer(&[]), None);
        assert_eq!(parse_signer(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn what_would_not_be_seen_is_no_part_of_a_name() {
        let value = [&[0x0c, 7][..], b"QQ\x1b[0m\n"].concat();
        assert_eq!(shown(&value).as_deref(), Some("QQ[0m"));
        assert_eq!(shown(&[0x0c, 1, b' ']), None);
        assert_eq!(shown(&[0x14, 2, 0xc4, b'x']).as_deref(), Some("Äx"));
        assert_eq!(shown(&[0x1e, 3, 0x5f, 0xae, 0x4f]).as_deref(), Some("微"));
    }

    proptest::proptest! {
        #[test]
        fn no_damage_makes_it_fail(back in 1usize..5_000, byte in 0u8.., cut in 0usize..12_000) {
            let mut bytes = SIGNED.to_vec();
            let at = bytes.len().saturating_sub(back);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            for found in [signer_of(bytes.as_slice()), signer_of(&bytes[..cut.min(bytes.len())])] {
                assert!(found.unwrap_or_default().len() <= MAX_TEXT);
            }
        }

        #[test]
        fn no_signature_makes_it_fail(bytes in proptest::collection::vec(0u8.., 0..200)) {
            parse_signer(&bytes);
        }
    }
}
