//! What every template needs: the reader's language and theme, who is reading, the form secret, and
//! which navigation entries exist for them.

use axum::http::Method;
use deskwarden_domain::model::{Lang, Millis, Severity};

use super::{
    access, embedded, locale,
    session::{Preferences, Theme, Viewer},
    state::WebState,
    text::When,
};

/// An entry of the navigation.
pub(super) struct NavEntry {
    /// Where it leads.
    pub(super) path: &'static str,
    /// Key of its words.
    pub(super) key: &'static str,
    /// Name of its icon.
    pub(super) icon: &'static str,
}

const NAV: &[NavEntry] = &[
    NavEntry {
        path: "/",
        key: "nav.overview",
        icon: "overview",
    },
    NavEntry {
        path: "/findings",
        key: "nav.findings",
        icon: "findings",
    },
    NavEntry {
        path: "/approvals",
        key: "nav.approvals",
        icon: "approvals",
    },
    NavEntry {
        path: "/notices",
        key: "nav.notices",
        icon: "notices",
    },
    NavEntry {
        path: "/inspections",
        key: "nav.inspections",
        icon: "inspections",
    },
    NavEntry {
        path: "/admissions",
        key: "nav.admissions",
        icon: "admissions",
    },
    NavEntry {
        path: "/assets",
        key: "nav.assets",
        icon: "assets",
    },
    NavEntry {
        path: "/software",
        key: "nav.software",
        icon: "software",
    },
    NavEntry {
        path: "/arrivals",
        key: "nav.arrivals",
        icon: "assets",
    },
    NavEntry {
        path: "/register",
        key: "nav.register",
        icon: "register",
    },
    NavEntry {
        path: "/ledger",
        key: "nav.ledger",
        icon: "ledger",
    },
    NavEntry {
        path: "/clauses",
        key: "nav.clauses",
        icon: "rules",
    },
    NavEntry {
        path: "/rules",
        key: "nav.rules",
        icon: "rules",
    },
    NavEntry {
        path: "/alerts",
        key: "nav.alerts",
        icon: "alerts",
    },
    NavEntry {
        path: "/channels",
        key: "nav.channels",
        icon: "channels",
    },
    NavEntry {
        path: "/tokens",
        key: "nav.tokens",
        icon: "tokens",
    },
    NavEntry {
        path: "/api-tokens",
        key: "nav.api_tokens",
        icon: "tokens",
    },
    NavEntry {
        path: "/users",
        key: "nav.users",
        icon: "users",
    },
    NavEntry {
        path: "/acknowledgements",
        key: "nav.acknowledgements",
        icon: "account",
    },
    NavEntry {
        path: "/subjects",
        key: "nav.subjects",
        icon: "account",
    },
    NavEntry {
        path: "/system",
        key: "nav.system",
        icon: "system",
    },
    NavEntry {
        path: "/audit",
        key: "nav.audit",
        icon: "audit",
    },
];

/// Context of a page.
pub(super) struct Page {
    preferences: Preferences,
    viewer: Option<Viewer>,
    active: &'static str,
    offset_minutes: i16,
    back: String,
    csrf: String,
    /// When the page was made.
    pub(super) now: Millis,
}

impl Page {
    /// For somebody signed in. `active` is the path of the navigation entry, `back` the address itself.
    pub(super) fn new(
        state: &WebState,
        preferences: Preferences,
        viewer: &Viewer,
        active: &'static str,
        back: impl Into<String>,
    ) -> Self {
        Self {
            preferences,
            csrf: viewer.csrf.clone(),
            viewer: Some(viewer.clone()),
            active,
            offset_minutes: state.config.utc_offset_minutes,
            back: back.into(),
            now: state.clock.now(),
        }
    }

    /// For anybody.
    pub(super) fn anonymous(preferences: Preferences) -> Self {
        Self {
            preferences,
            viewer: None,
            active: "",
            offset_minutes: 0,
            back: "/".to_owned(),
            csrf: String::new(),
            now: 0,
        }
    }

    /// For whoever works at a PC, without signing in.
    pub(super) fn notice(state: &WebState, preferences: Preferences, back: &str) -> Self {
        Self {
            back: back.to_owned(),
            offset_minutes: state.config.utc_offset_minutes,
            now: state.clock.now(),
            ..Self::anonymous(preferences)
        }
    }

    /// For the sign-in form, whose secret is that of a cookie.
    pub(super) fn sign_in(preferences: Preferences, csrf: &str, back: &str) -> Self {
        Self {
            csrf: csrf.to_owned(),
            back: back.to_owned(),
            ..Self::anonymous(preferences)
        }
    }

    /// Words of a key.
    pub(super) fn t(&self, key: &str) -> &'static str {
        locale::find(self.preferences.lang, key).unwrap_or("?")
    }

    /// Words of a member of a family, as `state` x `open`; its plain name when there are none.
    pub(super) fn w<'a>(&self, family: &str, name: &'a str) -> &'a str {
        locale::find(self.preferences.lang, &format!("{family}.{name}")).unwrap_or(name)
    }

    /// Words of a key with one number in them.
    pub(super) fn n(&self, key: &str, number: &u64) -> String {
        locale::fill(self.t(key), &[("n", &number.to_string())])
    }

    /// Language of the page.
    pub(super) const fn lang(&self) -> Lang {
        self.preferences.lang
    }

    /// Tag of the language.
    pub(super) const fn lang_tag(&self) -> &'static str {
        locale::tag(self.preferences.lang)
    }

    /// Tag and own name of the other language.
    pub(super) const fn other_lang(&self) -> (&'static str, &'static str) {
        match self.preferences.lang {
            Lang::Zh => ("en", "English"),
            Lang::En => ("zh-CN", "中文"),
        }
    }

    /// Light, dark or automatic.
    pub(super) const fn theme(&self) -> Theme {
        self.preferences.theme
    }

    /// Who is reading.
    pub(super) const fn viewer(&self) -> Option<&Viewer> {
        self.viewer.as_ref()
    }

    /// Whether the navigation is shown: not while the password must be changed.
    pub(super) fn at_home(&self) -> bool {
        self.viewer
            .as_ref()
            .is_some_and(|viewer| !viewer.must_change && !viewer.must_enrol)
    }

    /// Secret of the page's forms.
    pub(super) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The page's own address, to come back to.
    pub(super) fn back(&self) -> &str {
        &self.back
    }

    /// Whether the reader may use a route.
    pub(super) fn may(&self, method: &str, path: &str) -> bool {
        let method = if method == "POST" {
            Method::POST
        } else {
            Method::GET
        };
        match (&self.viewer, access::of(&method, path)) {
            (Some(viewer), Some(route)) => route.allows(viewer.rights()),
            _ => false,
        }
    }

    /// Navigation entries that the reader may use.
    pub(super) fn nav(&self) -> Vec<&'static NavEntry> {
        NAV.iter().filter(|entry| self.may("GET", entry.path)).collect()
    }

    /// Whether an entry is the one being read.
    pub(super) fn is_active(&self, entry: &NavEntry) -> bool {
        entry.path == self.active
    }

    /// Address of the style sheet.
    pub(super) fn css(&self) -> String {
        embedded::address("dashboard.css")
    }

    /// Address of the style sheet of printed forms.
    pub(super) fn sheet_css(&self) -> String {
        embedded::address("sheet.css")
    }

    /// Address of the script.
    pub(super) fn script(&self) -> String {
        embedded::address("dashboard.js")
    }

    /// Address of the icon.
    pub(super) fn icon(&self) -> String {
        embedded::address("mark.svg")
    }

    /// A date and time.
    pub(super) const fn at(&self, at: &Millis) -> When {
        When::at(*at, self.offset_minutes)
    }

    /// A date and time, read as "3 minutes ago" where a script runs.
    pub(super) const fn ago(&self, at: &Millis) -> When {
        When::ago(*at, self.offset_minutes)
    }

    /// Words of a severity.
    pub(super) fn severity(&self, severity: &Severity) -> &str {
        self.w("severity", severity.name())
    }
}
