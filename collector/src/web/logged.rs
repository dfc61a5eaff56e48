//! What the actions of the audit log are called. The log keeps codes, which programs read and which stay; these are
//! the words for people beside them.

use deskwarden_domain::{model::Lang, register::Book};

use super::locale;

/// Words of an action; nothing for one that this build does not know.
pub(super) fn words(lang: Lang, action: &str) -> Option<String> {
    let plain = format!("audit_action.{}", action.replace('.', "_"));
    if let Some(words) = locale::find(lang, &plain) {
        return Some(words.to_owned());
    }
    // The books of the register share their verbs.
    let rest = action.strip_prefix("register.")?;
    let (book, verb) = rest.split_once('.').unwrap_or((rest, "put"));
    let (zh, en) = Book::ALL.into_iter().find(|known| known.name() == book)?.title();
    let book = match lang {
        Lang::Zh => zh,
        Lang::En => en,
    };
    let text = locale::find(lang, &format!("audit_register.{verb}"))?;
    Some(locale::fill(text, &[("book", book)]))
}

/// Every code that has words of its own, with them: what the filter proposes.
pub(super) fn proposals(lang: Lang) -> Vec<(String, &'static str)> {
    const TWO: [&str; 2] = ["api_token", "sign_in"];
    locale::family("audit_action")
        .into_iter()
        .filter_map(|name| {
            let kind = TWO.into_iter().find(|kind| name.starts_with(kind));
            let kind = kind.or_else(|| name.split('_').next()).unwrap_or_default();
            let code = match name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('_')) {
                Some(verb) if name != "sign_out" => format!("{kind}.{verb}"),
                _ => name.to_owned(),
            };
            Some((code, locale::find(lang, &format!("audit_action.{name}"))?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_of_the_register_share_their_verbs() {
        assert_eq!(
            words(Lang::En, "register.media.remove").as_deref(),
            Some("Removable media: removed rows")
        );
        assert_eq!(words(Lang::Zh, "register.nothing.remove"), None);
        assert_eq!(words(Lang::En, "sorcery.cast"), None);
    }

    #[test]
    fn proposals_are_codes_that_have_words() {
        let all = proposals(Lang::En);
        assert!(all.len() > 60);
        for (code, text) in &all {
            assert_eq!(words(Lang::En, code).as_deref(), Some(*text), "{code}");
        }
        for code in [
            "sign_in",
            "sign_in.refused",
            "sign_out",
            "api_token.create",
            "device.new_epoch",
            "view",
        ] {
            assert!(all.iter().any(|(known, _)| known == code), "{code}");
        }
    }
}
