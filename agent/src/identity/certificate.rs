//! The three things that the agent reads of a certificate itself: its key, and from when to when it is
//! valid. Whether a certificate is to be believed is decided by the TLS library, never here.

/// What is read of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// SubjectPublicKeyInfo, DER.
    pub(super) key: &'a [u8],
    /// First moment, Unix milliseconds.
    pub(super) not_before: i64,
    /// Last moment, Unix milliseconds.
    pub(super) not_after: i64,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Reads; `None` when it is no certificate.
pub(super) fn read(der: &[u8]) -> Option<Certificate<'_>> {
    let mut all = Reader(der);
    let mut certificate = Reader(all.take(SEQUENCE)?.content);
    let mut body = Reader(certificate.take(SEQUENCE)?.content);
    if body.next_is(VERSION) {
        body.take(VERSION)?;
    }
    body.take(INTEGER)?;
    body.take(SEQUENCE)?;
    body.take(SEQUENCE)?;
    let mut validity = Reader(body.take(SEQUENCE)?.content);
    let not_before = time(&validity.any()?)?;
    let not_after = time(&validity.any()?)?;
    body.take(SEQUENCE)?;
    let key = body.take(SEQUENCE)?.whole;
    Some(Certificate {
        key,
        not_before,
        not_after,
    })
}

struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    content: &'a [u8],
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        self.any().filter(|element| element.tag == tag)
    }

    fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // Certificates are far below 16 MiB; an indefinite length is no DER.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                (length, rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element { tag, whole, content })
    }
}

/// A moment as certificates write it, in Unix milliseconds.
fn time(element: &Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (element.tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = text.split_at(2);
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = text.split_at(4);
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |index: usize| rest.get(index * 2..index * 2 + 2)?.parse::<i64>().ok();
    let seconds = part(2)? * 3_600 + part(3)? * 60 + part(4)?;
    let days = days(year, part(0)?, part(1)?)?;
    Some((days * 86_400 + seconds) * 1_000)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, by counting from a March, so that the day of
/// a leap year comes last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;

    fn certificate(from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["pc.example".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn another_parser_reads_the_same() {
        for (from, to) in [
            ((1970, 1, 1), (1999, 12, 31)),
            ((2000, 2, 29), (2049, 12, 31)),
            ((2026, 11, 23), (2050, 1, 1)),
            ((2024, 2, 29), (2100, 3, 1)),
            ((2096, 2, 29), (4000, 12, 31)),
        ] {
            let der = certificate(from, to);
            let ours = read(&der).unwrap();
            let (_, theirs) = X509Certificate::from_der(&der).unwrap();
            assert_eq!(ours.key, theirs.tbs_certificate.subject_pki.raw);
            assert_eq!(ours.not_before, theirs.validity().not_before.timestamp() * 1_000);
            assert_eq!(ours.not_after, theirs.validity().not_after.timestamp() * 1_000);
        }
    }

    #[test]
    fn a_certificate_that_is_cut_short_is_none() {
        let der = certificate((2026, 1, 1), (2027, 1, 1));
        let key = read(&der).unwrap().key.to_vec();
        for end in 0..der.len() {
            assert!(read(&der[..end]).is_none(), "{end}");
        }
        assert!(key.len() > 80);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..400, value: u8) {
            read(&bytes);
            let mut der = certificate((2026, 1, 1), (2027, 1, 1));
            let at = at % der.len();
            der[at] = value;
            read(&der);
        }
    }
}
