//! Signing in at an OpenID provider that is not ours, and everything by which its answers are refused.

use deskwarden_tests::{
    authority::Authority,
    browser::Browser,
    collector::{Collector, PASSWORD as LOCAL, Setup},
    dashboard::{Visitor, words},
    https::Answer,
    need,
    openid::{CLIENT, Provider, SECRET},
};

struct House {
    collector: Collector,
    provider: Provider,
    authority: Authority,
    url: String,
}

impl House {
    fn open(test: &str) -> Option<Self> {
        let authority = Authority::new(&["127.0.0.1"]).unwrap();
        let (setup, url) = Setup::new().unwrap().known_dashboard().unwrap();
        let provider = Provider::start(test, &authority, &format!("{url}/sign-in/oidc/back")).unwrap()?;
        provider.person("u-1", "wang", "desk").unwrap();
        let tables = format!(
            "[sign_in.oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nsecret_file = \"oidc.secret\"\n\
             label = \"公司账号\"\nscopes = [\"profile\", \"groups\"]\nca_file = \"{}\"\n\
             [[sign_in.oidc.group]]\nname = \"desk\"\nroles = [\"technician\"]\n\
             [[sign_in.oidc.group]]\nname = \"it\"\nroles = [\"administrator\"]\n",
            provider.issuer(),
            authority.ca().display()
        );
        let setup = setup.secret_file("oidc.secret", SECRET).unwrap();
        let collector = setup.tables(&tables).start().unwrap();
        Some(Self {
            collector,
            provider,
            authority,
            url,
        })
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(&self.url, &self.collector.roots()).unwrap()
    }

    /// Signs in at the provider, and gives the address to which it sends the browser back.
    fn away(&self, visitor: &mut Visitor, begin: &str) -> String {
        let issuer = self.provider.issuer();
        let mut there = Visitor::new(&issuer, &self.authority.ca()).unwrap();
        let mut answer = visitor.get(begin).unwrap();
        for _ in 0..6 {
            let to = answer.header("location").unwrap_or_else(|| {
                panic!(
                    "no way on: {} {}\n{}",
                    answer.status,
                    words(&answer.body),
                    self.collector.log()
                )
            });
            if let Some(back) = to.strip_prefix(&self.url) {
                return back.to_owned();
            }
            let path = to.strip_prefix(&issuer).unwrap_or(to).to_owned();
            answer = there.get(&path).unwrap();
        }
        panic!("the provider sends the browser in circles");
    }

    /// The whole way.
    fn sign_in(&self, visitor: &mut Visitor) -> Answer {
        let back = self.away(visitor, "/sign-in/oidc");
        visitor.get(&back).unwrap()
    }
}

fn refused(answer: &Answer, status: u16, says: &str, visitor: &mut Visitor) {
    let page = words(&answer.body);
    assert_eq!(answer.status, status, "{page}");
    assert!(page.contains(says), "{page}");
    assert_eq!(
        visitor.get("/").unwrap().status,
        303,
        "nobody is signed in after: {page}"
    );
}

const UNPROVEN: &str = "could not be confirmed";

#[test]
fn somebody_signs_in_at_a_provider_and_has_the_roles_of_their_groups() {
    let Some(house) = House::open("somebody_signs_in_at_a_provider_and_has_the_roles_of_their_groups") else {
        return;
    };
    let mut wang = house.visitor();
    let page = wang.read("/sign-in?next=/findings").unwrap();
    assert!(page.contains("Sign in with 公司账号"), "{page}");
    let back = house.away(&mut wang, "/sign-in/oidc?next=%2Ffindings%3Fstate%3Dany");
    let answer = wang.get(&back).unwrap();
    assert_eq!(answer.status, 200, "{}", words(&answer.body));
    assert!(
        answer.body.contains("content=\"0;url=/findings?state=any\""),
        "{}",
        answer.body
    );
    wang.read("/findings").unwrap();
    assert_eq!(wang.get("/users").unwrap().status, 403);
    assert!(!wang.cookies().contains_key("__Host-dw_away"));
    // Other groups at the next sign-in, and another name of the same person.
    house.provider.person("u-1", "wang.fang", "desk,it").unwrap();
    let mut again = house.visitor();
    assert_eq!(house.sign_in(&mut again).status, 200);
    assert!(again.read("/account").unwrap().contains("wang"));
    again.read("/users").unwrap();
    let listed = house.collector.cli(&["user", "list"]).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let log = house.collector.log();
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn a_token_with_one_wrong_thing_signs_nobody_in() {
    let Some(house) = House::open("a_token_with_one_wrong_thing_signs_nobody_in") else {
        return;
    };
    for wrong in [
        "nonce", "audience", "issuer", "expired", "none", "hmac", "key", "named",
    ] {
        house.provider.wrong(wrong).unwrap();
        let mut visitor = house.visitor();
        let answer = house.sign_in(&mut visitor);
        refused(&answer, 401, UNPROVEN, &mut visitor);
    }
    house.provider.wrong("nothing").unwrap();
    assert_eq!(house.sign_in(&mut house.visitor()).status, 200);
}

#[test]
fn keys_that_the_provider_changed_are_read_again() {
    let Some(house) = House::open("keys_that_the_provider_changed_are_read_again") else {
        return;
    };
    assert_eq!(house.sign_in(&mut house.visitor()).status, 200);
    house.provider.wrong("rotated").unwrap();
    assert_eq!(house.sign_in(&mut house.visitor()).status, 200);
}

#[test]
fn an_answer_counts_once_and_only_in_the_browser_that_asked() {
    let Some(house) = House::open("an_answer_counts_once_and_only_in_the_browser_that_asked") else {
        return;
    };
    let not_begun = "did not begin in this browser";
    // Without the cookie, and with a changed state.
    let mut visitor = house.visitor();
    let back = house.away(&mut visitor, "/sign-in/oidc");
    let mut stranger = house.visitor();
    let answer = stranger.get(&back).unwrap();
    refused(&answer, 401, not_begun, &mut stranger);
    let mut copy = visitor.clone();
    let answer = copy.get(&back.replace("state=", "state=x")).unwrap();
    refused(&answer, 401, not_begun, &mut copy);
    // The same code twice.
    let mut replay = visitor.clone();
    assert_eq!(visitor.get(&back).unwrap().status, 200);
    let answer = replay.get(&back).unwrap();
    refused(&answer, 401, UNPROVEN, &mut replay);
    // Somebody else's code under one's own state: it was made for another verifier.
    let (mut one, mut other) = (house.visitor(), house.visitor());
    let (mine, theirs) = (
        house.away(&mut one, "/sign-in/oidc"),
        house.away(&mut other, "/sign-in/oidc"),
    );
    let part = |address: &str, name: &str| {
        let rest = address.split_once(name).unwrap().1;
        rest.split('&').next().unwrap().to_owned()
    };
    let mixed = mine.replace(&part(&mine, "code="), &part(&theirs, "code="));
    let answer = one.get(&mixed).unwrap();
    refused(&answer, 401, UNPROVEN, &mut one);
    // An answer of another issuer than the one that was asked.
    let mut mixed_up = house.visitor();
    let back = house.away(&mut mixed_up, "/sign-in/oidc");
    let iss = part(&back, "iss=");
    let answer = mixed_up
        .get(&back.replace(&iss, "https%3A%2F%2Fevil.example"))
        .unwrap();
    refused(&answer, 401, UNPROVEN, &mut mixed_up);
}

#[test]
fn whom_the_provider_or_the_groups_refuse_does_not_come_in_and_local_accounts_do() {
    let test = "whom_the_provider_or_the_groups_refuse_does_not_come_in_and_local_accounts_do";
    let Some(mut house) = House::open(test) else {
        return;
    };
    house.collector.administrator().unwrap();
    let mut visitor = house.visitor();
    for (person, says) in [
        (("u-2", "li", "kitchen"), "in no group that may use this system"),
        (("u-3", "admin", "desk"), "belongs to another account"),
    ] {
        house.provider.person(person.0, person.1, person.2).unwrap();
        let answer = house.sign_in(&mut visitor);
        refused(&answer, 403, says, &mut visitor);
    }
    house.provider.wrong("denied").unwrap();
    let answer = house.sign_in(&mut visitor);
    refused(&answer, 401, UNPROVEN, &mut visitor);
    house.provider.wrong("nothing").unwrap();
    house.provider.person("u-1", "wang", "desk").unwrap();
    let back = house.away(&mut visitor, "/sign-in/oidc?next=%2F%2Fevil.example");
    let answer = visitor.get(&back).unwrap();
    assert!(answer.body.contains("content=\"0;url=/\""), "{}", answer.body);
    // A person of the provider has no password here.
    let mut guess = house.visitor();
    let form = [("user", "wang"), ("password", "")];
    assert_eq!(guess.send("/sign-in", "/sign-in", &form).unwrap().status, 401);
    house.provider.stop().unwrap();
    let mut late = house.visitor();
    let back = late.get("/sign-in/oidc").unwrap();
    // What the provider says of itself is kept for an hour; nobody answers behind it.
    assert!(back.status == 303 || back.status == 503, "{}", back.status);
    late.sign_in("admin", LOCAL).unwrap();
    late.read("/users").unwrap();
}

#[test]
fn a_real_browser_comes_back_signed_in() {
    let test = "a_real_browser_comes_back_signed_in";
    if !Browser::is_there(test) {
        return;
    }
    let Some(house) = House::open(test) else {
        return;
    };
    let mut browser = Browser::start("zh-CN").unwrap();
    browser
        .open(&format!("{}/sign-in?next=/findings", house.url))
        .unwrap();
    browser
        .picture(&need::output().join("sign-in-provider.png"))
        .unwrap();
    browser.press("公司账号").unwrap();
    // The provider is another site: the session's cookie must be there all the same.
    browser.wait_for("location.pathname === '/findings'").unwrap();
    browser
        .wait_for("document.body.innerText.includes('wang')")
        .unwrap();
}
