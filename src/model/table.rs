//! The table of fields, with one row per field. To add a field, add a variant to [`Field`] and a row here.

use crate::rules::number;
use crate::rules::runtime::RUNTIMES;

use super::field::Field;
use super::number::Memory;
use super::period::{Hook, TimeoutPeriod};
use super::row::{Call, DefaultValue, Facet, Form, Ignore, Row};
use super::text::{AgencyName, Description, Handler, Runtime};

use Call::{Configuration, Create};
use DefaultValue::{Flag, Number, Text};
use Facet::{Async, Code, Config, Protection, Secrets};

/// The calls that write most fields.
const BOTH: &[Call] = &[Create, Configuration];

const fn config(field: Field, key: &'static str) -> Row {
    Row::new(field, key, Config)
}

const fn of_policy(field: Field, key: &'static str) -> Row {
    Row::new(field, key, Async).ignore(Ignore::Never)
}

/// The groups: mappings that hold several fields, with their descriptions in the schema.
pub static GROUPS: &[(&str, &str)] = &[];

/// In the order of [`Field`].
pub static ROWS: &[Row] = &[
    config(Field::Runtime, "runtime")
        .ignore(Ignore::Never)
        .typed::<Runtime>(
            "The runtime, as the service spells it; it cannot change later. Required here or in `defaults`. Example: \
             `Python3.9`.",
        )
        .examples(&RUNTIMES)
        .wire(Form::Text("runtime"), BOTH),
    config(Field::Handler, "handler")
        .typed::<Handler>(
            "The entry point: file and function in Python, Node.js and PHP. Required here or in `defaults`. Example: \
             `index.handler`.",
        )
        .wire(Form::Text("handler"), BOTH),
    config(Field::Memory, "memory")
        .typed::<Memory>("Memory in MB: 128, 256, 512 and so on to 10240. Default: 128.")
        .default(Number(number::DEFAULT_MEMORY_MB))
        .wire(Form::Plain("memory_size"), BOTH),
    config(Field::Timeout, "timeout")
        .typed::<TimeoutPeriod>(
            "The longest time that one run may take: 3 to 259,200 seconds, or text such as `30s`, `15m` or `1h`. Default: 3.",
        )
        .default(Number(number::DEFAULT_TIMEOUT_SECONDS))
        .wire(Form::Plain("timeout"), BOTH),
    config(Field::Description, "description")
        .typed::<Description>("A description for people, at most 512 characters. Default: empty.")
        .default(Text(""))
        .wire(Form::Text("description"), BOTH),
    config(Field::Agency, "agency")
        .typed::<AgencyName>(
            "The IAM agency that lets the function reach other services, including targets. Default: none. Example: \
             `fgs-notify`.",
        )
        .wire(Form::Text("xrole"), BOTH),
    config(Field::ExecutionAgency, "execution_agency")
        .later(1)
        .typed::<AgencyName>(
            "The IAM agency whose credentials the running code gets, if they should differ from those of \
             `agency`. For all runtimes. Default: none; `agency` is used for both. Example: `fgs-run`.",
        )
        .wire(Form::Text("app_xrole"), BOTH),
    config(Field::Initializer, "initializer")
        .typed::<Hook>("Code that runs once in each new instance, before its first invocation. Default: none.")
        .wire(Form::Hook { handler: "initializer_handler", timeout: "initializer_timeout" }, BOTH),
    config(Field::Environment, "environment").ignore(Ignore::Entries).wire(Form::Variables("user_data"), BOTH),
    Row::new(Field::Secrets, "secrets", Secrets).wire(Form::Secrets("encrypted_user_data"), BOTH),
    config(Field::Tags, "tags").ignore(Ignore::Entries),
    Row::new(Field::Code, "code", Code),
    Row::new(Field::Protect, "protect", Protection).ignore(Ignore::Never).default(Flag(false)),
    Row::new(Field::Async, "async", Async),
    of_policy(Field::MaxRetries, "max_retries").default(Number(number::DEFAULT_MAX_RETRIES)),
    of_policy(Field::MaxValidityPeriod, "max_validity_period").default(Number(number::DEFAULT_VALIDITY_SECONDS)),
    of_policy(Field::OnSuccess, "on_success"),
    of_policy(Field::OnFailure, "on_failure"),
    of_policy(Field::StatusLog, "status_log").default(Flag(false)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Since;
    use std::collections::BTreeSet;

    #[test]
    fn each_field_has_its_own_row() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.field as usize, index, "{}", row.key);
        }
        assert!(ROWS.len() <= 128, "a set of fields holds at most 128");
    }

    /// Marks record fields by number.
    #[test]
    fn later_fields_have_unique_numbers() {
        let numbers: Vec<u8> = ROWS
            .iter()
            .filter_map(|row| match row.since {
                Since::First => None,
                Since::Later(number) => Some(number),
            })
            .collect();
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{numbers:?}");
        assert!(numbers.iter().all(|number| *number < 128));
    }

    /// Every default is a valid value of the field's type, or null.
    #[test]
    fn defaults_are_valid() {
        for row in ROWS {
            let (Some(typed), default) = (row.typed, row.default.value()) else { continue };
            assert!(default.is_null() || (typed.parse)(default.clone()) == Ok(default), "{}", row.key);
        }
    }
}
