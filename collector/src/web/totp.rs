//! One-time codes as authenticator programs make them (RFC 6238: SHA-1, six digits, thirty seconds), the
//! picture that hands over their secret, and recovery codes. Knows no store.

use std::fmt::{self, Display, Write as _};

use askama::filters::HtmlSafe;
use deskwarden_domain::model::Millis;
use ring::hmac;

/// Bytes of a secret, as RFC 4226 asks for.
pub(super) const SECRET: usize = 20;
/// Recovery codes that are given out.
pub(super) const RECOVERY: usize = 10;
const STEP_MS: Millis = 30_000;
const DIGITS: usize = 6;
/// Steps before and after now that are taken: clocks of telephones differ.
const AROUND: i64 = 1;

/// The step of a code that somebody typed, if it is one of now.
pub(super) fn step(secret: &[u8], typed: &str, now: Millis) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if typed.len() != DIGITS || !typed.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let current = now.div_euclid(STEP_MS);
    // Every step is compared, so that time does not tell which.
    (current - AROUND..=current + AROUND).fold(None, |found, step| {
        let same = super::session::same(&code(secret, step), &typed);
        if same { Some(step) } else { found }
    })
}

/// The code of a step.
pub(super) fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let hash = tag.as_ref();
    let at = usize::from(hash.last().copied().unwrap_or(0) & 0x0f);
    let word = hash
        .get(at..at + 4)
        .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
        .map_or(0, u32::from_be_bytes);
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// What the picture says: whose secret it is, for the list of the authenticator.
pub(super) fn uri(secret: &[u8], name: &str, host: &str) -> String {
    let encoded = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    format!(
        "otpauth://totp/Deskwarden:{}?secret={}&issuer=Deskwarden%20{}",
        encoded(name),
        shown(secret),
        encoded(host)
    )
}

/// A secret for people who type it.
pub(super) fn shown(secret: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(secret)
}

/// Recovery codes: 80 random bits each.
pub(super) fn recovery(random: &[u8; RECOVERY * 10]) -> Vec<String> {
    random
        .as_chunks::<10>()
        .0
        .iter()
        .map(|bytes| crate::password::one_time(*bytes))
        .collect()
}

/// What is stored of a recovery code, however it was typed.
pub(super) fn recovery_hash(typed: &str) -> [u8; 32] {
    let plain: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .take(64)
        .collect();
    *blake3::hash(plain.as_bytes()).as_bytes()
}

/// A QR code as a drawing in the page.
pub(super) struct Qr {
    width: usize,
    path: String,
}

/// The drawing of a text; `None` when it is too long for one.
pub(super) fn qr(text: &str) -> Option<Qr> {
    let code = qrcode::QrCode::new(text).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, colour) in code.to_colors().into_iter().enumerate() {
        if colour == qrcode::Color::Dark {
            let _ = write!(path, "M{} {}h1v1h-1z", at % width, at / width);
        }
    }
    Some(Qr { width, path })
}

impl Display for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four empty modules around it, as the standard asks for.
        let whole = self.width + 8;
        write!(
            f,
            "<svg class=\"qr\" viewBox=\"-4 -4 {whole} {whole}\" role=\"img\" aria-labelledby=\"qr-words\" \
             shape-rendering=\"crispEdges\"><rect class=\"qr-ground\" x=\"-4\" y=\"-4\" width=\"{whole}\" \
             height=\"{whole}\"/><path class=\"qr-dark\" d=\"{}\"/></svg>",
            self.path
        )
    }
}

impl HtmlSafe for Qr {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the RFC's appendix B.
    const RFC: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(RFC, seconds / 30), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_one_step_around_now_and_no_other() {
        let now = 1_111_111_111_000;
        assert_eq!(step(RFC, " 050 471", now), Some(37_037_037));
        assert_eq!(step(RFC, "081804", now), Some(37_037_036));
        assert_eq!(step(RFC, "081804", now + 60_000), None);
        for wrong in ["", "05047", "0504711", "05O471", "000000", "050471050471"] {
            assert_eq!(step(RFC, wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn the_picture_says_whose_secret_it_is() {
        let text = uri(RFC, "王 芳", "desk.example");
        assert_eq!(
            text,
            "otpauth://totp/Deskwarden:%E7%8E%8B+%E8%8A%B3?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Deskwarden%20desk.example"
        );
        let drawing = qr(&text).unwrap().to_string();
        assert!(drawing.starts_with("<svg class=\"qr\"") && drawing.contains("M0 0h1v1h-1z"));
        assert!(!drawing.contains("style="));
    }

    #[test]
    fn recovery_codes_are_read_however_they_are_typed() {
        let codes = recovery(&[7; RECOVERY * 10]);
        assert_eq!(codes.len(), RECOVERY);
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(&typed), recovery_hash(&codes[0]));
        assert_ne!(recovery_hash("x"), recovery_hash(&codes[0]));
    }
}
