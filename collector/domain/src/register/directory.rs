//! A name of a directory, as `CN=PC-7,OU=Finance,OU=Head Office,DC=corp,DC=example` (RFC 4514): the units in it.

/// The organisational units that a name lies in, innermost first, as people write them.
pub(super) fn units(name: &str) -> Vec<String> {
    parts(name)
        .into_iter()
        .filter_map(|part| {
            let (kind, unit) = part.split_once('=')?;
            let is_unit = kind.trim().eq_ignore_ascii_case("ou");
            is_unit.then(|| plain(unit)).filter(|unit| !unit.is_empty())
        })
        .collect()
}

/// Between commas that are none of a text.
fn parts(name: &str) -> Vec<&str> {
    let (mut parts, mut from, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in name.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.extend(name.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(name.get(from..));
    parts
}

/// Without the escapes: `\,` is a comma, `\E8` a byte of UTF-8.
fn plain(escaped: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = escaped.trim().bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some(first) = rest.next() else { break };
        let digits = hex(first).zip(rest.peek().copied().and_then(hex));
        if let Some((high, low)) = digits {
            bytes.push(high << 4 | low);
            rest.next();
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn units_are_read_innermost_first_and_without_escapes() {
        for (name, found) in [
            (
                "CN=PC-7,OU=财务部,OU=总部,DC=corp,DC=example",
                &["财务部", "总部"][..],
            ),
            (r"CN=PC\,7,ou = R&D\, Tests ,DC=corp", &["R&D, Tests"]),
            (r"CN=a,OU=\E8\B4\A2\E5\8A\A1,DC=c", &["财务"]),
            (r"CN=a,OU=C\2B\2B,OU=x\=y,DC=c", &["C++", "x=y"]),
            ("CN=OU-7,CN=Computers,DC=corp", &[]),
            ("CN=a,OU=,OU", &[]),
            (r"OU=broken\", &["broken"]),
            ("corp.example", &[]),
            ("", &[]),
        ] {
            assert_eq!(units(name), found, "{name}");
        }
    }
}
