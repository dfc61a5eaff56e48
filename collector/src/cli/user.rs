//! `user`: people who may sign in to the dashboard. Passwords are made here, shown once, and must be changed.

use clap::Subcommand;
use deskwarden_domain::model::{Role, User, person};
use serde_json::{Value, json};

use crate::{clock::rfc3339, people};

use super::{CliError, args, out::Out, session::Session};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make a user with a one-time password
    Add {
        /// Sign-in name
        #[arg(value_parser = args::user_name)]
        name: String,
        /// administrator, technician, rule_officer or auditor; may be given several times
        #[arg(long = "role", required = true, value_parser = args::role)]
        roles: Vec<Role>,
    },
    /// List users
    List,
    /// Give a user a new one-time password and end all sessions
    ResetPassword {
        /// Sign-in name
        #[arg(value_parser = args::user_name)]
        name: String,
    },
}

pub(super) fn run(command: UserCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        UserCommand::Add { name, roles } => {
            if !Role::combine(&roles) {
                return Err(CliError::refused(
                    "an auditor has no other role: make a user of its own",
                ));
            }
            let secret = people::one_time_password().map_err(CliError::refused)?;
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            let audit = session.audit("user.add", format!("user:{}", person(&name)), names.join(","));
            let _id = session
                .store
                .create_user(&name, &secret.hash, &roles, true, &audit)?;
            show_password(&name, secret.reveal(), out)
        }
        UserCommand::ResetPassword { name } => {
            let user = session.store.user_by_name(&name)?;
            let user = user.ok_or_else(|| {
                CliError::Refused(format!("there is no user {name}; `user list` shows all"))
            })?;
            let secret = people::one_time_password().map_err(CliError::refused)?;
            let audit = session.audit("user.reset_password", format!("user:{}", person(&name)), "");
            session
                .store
                .set_password(user.id, &secret.hash, true, None, &audit)?;
            session.store.clear_sign_in(&name)?;
            show_password(&name, secret.reveal(), out)
        }
        UserCommand::List => {
            let users = session.store.users()?;
            if out.json {
                return Ok(out.value(&users.iter().map(to_json).collect())?);
            }
            let rows = users.iter().map(|user| {
                let roles: Vec<&str> = user.roles.iter().map(|role| role.name()).collect();
                let locked = user
                    .locked_until
                    .map(|until| out.moment(until))
                    .unwrap_or_default();
                let state = if user.disabled_at.is_some() {
                    out.say("停用", "disabled")
                } else {
                    out.say("有效", "active")
                };
                vec![user.name.clone(), roles.join(" "), state.to_owned(), locked]
            });
            let rows = rows.collect();
            Ok(out.table(
                &[
                    ("用户", "USER"),
                    ("角色", "ROLES"),
                    ("状态", "STATE"),
                    ("锁定至", "LOCKED UNTIL"),
                ],
                rows,
            )?)
        }
    }
}

fn show_password(name: &str, password: &str, out: &mut Out<'_>) -> Result<(), CliError> {
    Ok(out.done(
        &json!({"user": name, "one_time_password": password}),
        &format!("用户 {name} 的一次性密码（只显示这一次，首次登录须更换）：{password}"),
        &format!(
            "One-time password of {name} (shown only now, to be changed at the first sign-in): {password}"
        ),
    )?)
}

fn to_json(user: &User) -> Value {
    let roles: Vec<&str> = user.roles.iter().map(|role| role.name()).collect();
    json!({
        "name": user.name,
        "roles": roles,
        "must_change_password": user.must_change_password,
        "locked_until": user.locked_until.map(rfc3339),
        "disabled_at": user.disabled_at.map(rfc3339),
    })
}
