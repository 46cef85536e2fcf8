//! What the service's error codes mean, what to do about them, and whether trying again helps. One table.

/// What is known of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) meaning: &'static str,
    pub(super) advice: &'static str,
    pub(super) again: Again,
}

/// Whether the same request may be answered otherwise, some time later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Helps,
    DoesNotHelp,
}

use Again::{DoesNotHelp, Helps};

/// Code, meaning, advice, and whether trying again helps. Codes of triggers, events and workflows are left out: nothing
/// here sends what they answer.
#[rustfmt::skip] // One code a line.
const TABLE: &[(&str, &str, &str, Again)] = &[
    // The gateway, which sees a request first.
    ("APIGW.0101", "the address has no such API", "check the endpoint and the region", DoesNotHelp),
    ("APIGW.0106", "a parameter is wrong", "this is fgctl's mistake: report it", DoesNotHelp),
    ("APIGW.0201", "the request did not get through the gateway", "check its size", Helps),
    ("APIGW.0301", "the credentials were not accepted", "`fgctl whoami` says which are used; check them, their expiry and this machine's clock", DoesNotHelp),
    ("APIGW.0303", "the credentials were not accepted", "`fgctl whoami` says which are used", DoesNotHelp),
    ("APIGW.0305", "the credentials were not accepted", "`fgctl whoami` says which are used", DoesNotHelp),
    ("APIGW.0307", "the token has expired, or is for another region", "get a new one for this project", DoesNotHelp),
    ("APIGW.0308", "too many requests", "lower --concurrency or --max-requests-per-second", Helps),
    ("APIGW.0310", "the project is not available", "check the project id, and whether the account is in arrears", DoesNotHelp),
    ("APIGW.0401", "this machine's address is not allowed", "ask whoever administers the account", DoesNotHelp),
    ("APIGW.0402", "the account is not allowed", "ask whoever administers the account", DoesNotHelp),
    ("APIGW.0404", "access is not allowed", "ask whoever administers the account", DoesNotHelp),
    ("APIGW.0602", "the request is malformed", "this is fgctl's mistake, or a proxy's", DoesNotHelp),
    ("APIGW.0607", "the API does not speak this protocol", "check the endpoint's scheme", DoesNotHelp),
    ("APIGW.0610", "the service behind the gateway failed", "if it lasts, the request id is what the service's support asks for", Helps),
    ("APIGW.0613", "the service behind the gateway is not available", "if it lasts, the request id is what the service's support asks for", Helps),
    ("APIGW.0802", "the user is barred from this region", "check the region", DoesNotHelp),
    // Generic codes, whose number is the status.
    ("FSS.0400", "a parameter is wrong", "the service's words say which", DoesNotHelp),
    ("FSS.0401", "not authorized, or there is no such function", "check the project, the region and the permissions", DoesNotHelp),
    ("FSS.0404", "it does not exist", "check its name, the project and the region", DoesNotHelp),
    ("FSS.0408", "the service took too long", "if it lasts, the request id is what the service's support asks for", Helps),
    ("FSS.0409", "it exists already", "plan again", DoesNotHelp),
    ("FSS.0410", "it does not exist any more", "plan again", DoesNotHelp),
    ("FSS.0413", "the body is too large", "large code goes into OBS; an event has to be smaller", DoesNotHelp),
    ("FSS.0424", "a dependency is wrong", "check the function's dependencies", DoesNotHelp),
    ("FSS.0428", "something has to be deleted first", "the service's words say what", DoesNotHelp),
    ("FSS.0429", "too many requests", "lower --concurrency or --max-requests-per-second", Helps),
    ("FSS.0500", "the service failed", "if it lasts, the request id is what the service's support asks for", Helps),
    ("FSS.0502", "the service failed", "if it lasts, the request id is what the service's support asks for", Helps),
    ("FSS.0503", "the service is not available", "if it lasts, the request id is what the service's support asks for", Helps),
    ("FSS.0504", "the service took too long", "if it lasts, the request id is what the service's support asks for", Helps),
    // Functions.
    ("FSS.1002", "the name is not allowed", "letters, digits, - and _, a letter first", DoesNotHelp),
    ("FSS.1003", "the handler is not allowed", "Python and Node.js: file.function", DoesNotHelp),
    ("FSS.1004", "the package's name is not allowed", "letters, digits, - and _, a letter first", DoesNotHelp),
    ("FSS.1005", "the runtime is not offered here", "choose one that the region has", DoesNotHelp),
    ("FSS.1007", "the memory size is not offered", "choose one that the service has", DoesNotHelp),
    ("FSS.1008", "the timeout is out of range", "choose another", DoesNotHelp),
    ("FSS.1009", "the environment variables are not allowed", "check their names", DoesNotHelp),
    ("FSS.1010", "the code's URL is wrong", "check the object's URL", DoesNotHelp),
    ("FSS.1011", "the code is not usable", "check that the archive opens", DoesNotHelp),
    ("FSS.1012", "the code is missing", "check `code`", DoesNotHelp),
    ("FSS.1014", "the alias is not allowed", "check its name", DoesNotHelp),
    ("FSS.1015", "the version is not allowed", "check its name", DoesNotHelp),
    ("FSS.1016", "nothing has changed since the last published version", "change the code first", DoesNotHelp),
    ("FSS.1017", "there are more than 20 environment variables", "use fewer", DoesNotHelp),
    ("FSS.1018", "the environment variables are too large", "use less", DoesNotHelp),
    ("FSS.1019", "the description is too long", "512 characters are allowed", DoesNotHelp),
    ("FSS.1020", "a function in a VPC needs an agency", "set `agency`", DoesNotHelp),
    ("FSS.1041", "the project has as many functions as its quota allows", "delete some, or have the quota raised", DoesNotHelp),
    ("FSS.1042", "the project has as much code as its quota allows", "delete some, or have the quota raised", DoesNotHelp),
    ("FSS.1043", "the function has as many aliases as it may", "delete one", DoesNotHelp),
    ("FSS.1044", "the project has as many packages as it may", "delete one", DoesNotHelp),
    ("FSS.1051", "there is no such function", "check its name, the project and the region", DoesNotHelp),
    ("FSS.1052", "there is no such version", "publish it, or name another", DoesNotHelp),
    ("FSS.1053", "there is no such alias", "create it, or name another", DoesNotHelp),
    ("FSS.1054", "the code's object does not exist", "upload it, and check its URL", DoesNotHelp),
    ("FSS.1055", "there is no such package", "check its name", DoesNotHelp),
    ("FSS.1056", "there is no such dependency", "check the function's dependencies", DoesNotHelp),
    ("FSS.1061", "a function of that name exists", "plan again", DoesNotHelp),
    ("FSS.1062", "a version of that name exists", "choose another", DoesNotHelp),
    ("FSS.1063", "an alias of that name exists", "choose another", DoesNotHelp),
    ("FSS.1066", "another alias has that version", "a version has one alias at most", DoesNotHelp),
    ("FSS.1071", "the code package is larger than 50 MB", "put it into OBS: `code: { obs: … }`", DoesNotHelp),
    ("FSS.1072", "the inline code is larger than 10 KB", "use `code: { dir: … }`", DoesNotHelp),
    ("FSS.1094", "an alias also sends requests to that version", "change the alias first", DoesNotHelp),
    ("FSS.1201", "the body is too large", "make the code smaller, or put it into OBS", DoesNotHelp),
    ("FSS.1309", "the function's URN is wrong", "check it, its region and its project", DoesNotHelp),
];

/// Codes that say that the user may not do this, whatever else they say.
const PERMISSION: [&str; 5] = ["FSS.0403", "APIGW.0302", "APIGW.0304", "APIGW.0306", "APIGW.0801"];

/// Some gateways write `APIG` for `APIGW`, and some replies `FGS` for `FSS`.
fn canonical(code: &str) -> String {
    match code.split_once('.') {
        Some(("APIG", number)) => format!("APIGW.{number}"),
        Some(("FGS", number)) => format!("FSS.{number}"),
        _ => code.to_owned(),
    }
}

pub(super) fn known(code: &str) -> Option<Known> {
    let code = canonical(code);
    let (_, meaning, advice, again) = *TABLE.iter().find(|(known, ..)| *known == code)?;
    Some(Known { meaning, advice, again })
}

pub(super) fn is_missing_permission(code: &str) -> bool {
    PERMISSION.contains(&canonical(code).as_str())
}

/// Whether the gateway said it, which knows addresses and users, and nothing of functions.
pub(super) fn is_of_gateway(code: &str) -> bool {
    canonical(code).starts_with("APIGW.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_there_once() {
        let codes: BTreeSet<&str> = TABLE.iter().map(|(code, ..)| *code).chain(PERMISSION).collect();
        assert_eq!(codes.len(), TABLE.len() + PERMISSION.len());
    }

    #[test]
    fn other_spellings_of_a_code_are_that_code() {
        assert_eq!(known("APIG.0308"), known("APIGW.0308"));
        assert_eq!(known("FGS.1061"), known("FSS.1061"));
        assert!(known("APIGW.0308").is_some_and(|known| known.again == Helps));
        assert!(known("FSS.1061").is_some_and(|known| known.again == DoesNotHelp));
        assert_eq!(known("FSS.9999"), None);
        assert!(is_missing_permission("APIG.0302") && !is_missing_permission("FSS.0401"));
    }
}
