//! Names of people inside texts that outlive them: marked where they are written, so that the audit log can
//! keep a pseudonym in their place.

/// Before a name.
pub const PERSON_BEGINS: char = '⟦';
/// After a name.
pub const PERSON_ENDS: char = '⟧';

/// A name inside an object or detail of the audit log.
pub fn person(name: &str) -> String {
    let inner: String = name
        .chars()
        .filter(|c| !matches!(*c, PERSON_BEGINS | PERSON_ENDS))
        .collect();
    format!("{PERSON_BEGINS}{inner}{PERSON_ENDS}")
}

/// The text with every marked name replaced.
pub fn each_person<E>(text: &str, mut replace: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(PERSON_BEGINS) {
        let Some((name, tail)) = after.split_once(PERSON_ENDS) else {
            break;
        };
        out.push_str(before);
        out.push_str(&replace(name)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marked_name_is_replaced_and_nothing_else() {
        let text = format!("from {} to {}, [x]", person("张三"), person("李⟧四⟦"));
        let shown = each_person(&text, |name| Ok::<_, ()>(format!("<{name}>")));
        assert_eq!(shown.as_deref(), Ok("from <张三> to <李四>, [x]"));
        assert_eq!(each_person("⟦open", |_| Err(())), Ok("⟦open".to_owned()));
    }
}
