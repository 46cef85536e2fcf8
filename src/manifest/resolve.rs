//! Turns manifest entries into functions: fills in defaults, looks up names, checks totals.

use secrecy::ExposeSecret;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::diagnostic::{Diagnostic, Related, Spot};
use crate::model::address::FunctionAddress;
use crate::model::async_policy::{AsyncPolicy, PolicySpots};
use crate::model::credential;
use crate::model::field::{Field, Path};
use crate::model::function::{Configuration, Function};
use crate::model::mark::Needs;
use crate::model::period::grouped;
use crate::model::row::Wrong;
use crate::model::secret::{Secret, Secrets};
use crate::model::text::{FunctionName, TagKey, TagValue, VariableName};
use crate::rules::quota;
use crate::rules::runtime;

use super::agreement;
use super::code::CodeSource;
use super::declared::{self, DeclaredFields};
use super::entry::Entry;
use super::function::{DefaultsEntry, FunctionEntry, OwnEntry};
use super::handler_file;
use super::hint;
use super::names::{Names, has_at_or_below};
use super::nearest::{listed, quoted, similar_runtimes};
use super::notation::{Entries, Origin, Setting, merged};
use super::package;
use super::policy;
use super::source::Sources;
use super::trigger;

/// What it takes to resolve a function, besides its entry.
pub(super) struct Context<'a> {
    pub(super) defaults: &'a DefaultsEntry,
    pub(super) defaults_spot: Option<&'a Spot>,
    /// The fields of `defaults`.
    pub(super) inherited: &'a DeclaredFields,
    pub(super) names: &'a Names,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    /// The location of the function's entry.
    pub(super) spot: &'a Spot,
    pub(super) sources: &'a Sources,
}

/// The address of an entry. Can be computed before the entry is checked.
pub(super) fn address(key: &str, entry: &Entry, defaults: &DefaultsEntry) -> Option<FunctionAddress> {
    let (name, package) = entry.name();
    let name = name.cloned().or_else(|| FunctionName::new(key).ok())?;
    let package = package.or(&defaults.package).map(|(package, _)| package.clone()).unwrap_or_default();
    Some(FunctionAddress { package, name })
}

/// The handler of a container image.
const IMAGE_HANDLER: &str = "-";

/// A function that is being resolved.
struct Resolving<'a> {
    context: &'a Context<'a>,
    entry: &'a FunctionEntry,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// Resolves an entry. If it has errors, the result contains stand-ins and is used only to look for cycles.
pub(super) fn function(
    key: String,
    entry: &FunctionEntry,
    context: &Context,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Function, Option<CodeSource>, BTreeMap<String, CodeSource>)> {
    let address = context.names.functions.get(&key).cloned().flatten();
    let ignore = entry.settings.ignore.or(&context.defaults.ignore);
    let ignored = ignore.into_iter().flat_map(|(ignored, _)| ignored).flat_map(|ignored| ignored.0.clone());
    let (ignored_entries, ignored): (BTreeSet<Path>, BTreeSet<Path>) = ignored.partition(|path| path.key.is_some());
    let mut ignore: BTreeSet<Field> = ignored.into_iter().map(|path| path.field).collect();
    // An image is the code.
    if ignore.contains(&Field::ImageUrl) || ignore.contains(&Field::Code) {
        ignore.extend([Field::ImageUrl, Field::Code]);
    }
    let mut resolving = Resolving { context, entry, diagnostics };
    resolving.require(&ignore);
    let secrets = resolving.secrets();
    let environment = resolving.environment(&secrets);
    let tags = resolving.tags(!secrets.is_empty());
    let policy = resolving.policy(&ignore);
    let (code, packages) = (resolving.code(), resolving.packages());
    let (mut configuration, later) = resolving.configuration();
    configuration.set_environment(environment);
    configuration.set_tags(tags);
    resolving.warn_of_runtime(configuration.text(Field::Runtime));
    resolving.warn_of_inline_handler(&configuration);
    let triggers = trigger::triggers(entry.own.triggers.as_ref(), context, diagnostics);
    let function = Function {
        key,
        spot: context.spot.clone().of_key(),
        address: address?,
        configuration,
        later,
        secrets,
        policy,
        triggers,
        protect: entry.own.protect,
        ignore,
        ignored_entries,
    };
    agreement::check(&function, context.sources, diagnostics);
    Some((function, code, packages))
}

impl<'a> Resolving<'a> {
    /// The location of the mapping that contains a setting.
    fn holder(&self, origin: Origin) -> &Spot {
        match (origin, self.context.defaults_spot) {
            (Origin::Default, Some(defaults)) => defaults,
            _ => self.context.spot,
        }
    }

    /// The location of a setting.
    fn spot_of(&self, origin: Origin, field: Field) -> Spot {
        declared::spot_of(field, self.holder(origin))
    }

    /// The location of a map that has too many entries: in the function if the function adds entries, so that the message
    /// points at this function. If an overlay adds an entry, that entry.
    fn spot_of_map<K: Display + Ord, V>(
        &self,
        field: Field,
        maps: fn(&DefaultsEntry) -> &Setting<Entries<K, V>>,
    ) -> Spot {
        let own = maps(&self.entry.settings);
        let (map, origin) = match own {
            Setting::Set(own) => (Some(own), Origin::Own),
            Setting::Cleared | Setting::Inherited => (maps(self.context.defaults).value(), Origin::Default),
        };
        let spot = self.spot_of(origin, field).of_key();
        let entries: Vec<Spot> =
            map.into_iter().flat_map(|map| map.0.keys()).map(|key| spot.child(&key.to_string())).collect();
        self.context.sources.latest(spot, entries)
    }

    fn refuse(&mut self, code: &'static str, message: String, spot: Spot) {
        self.diagnostics.push(Diagnostic::error(code, message).at(spot));
    }

    /// The value that applies to a field, and where it comes from.
    fn setting(&self, field: Field) -> Option<(&'a Value, Origin)> {
        self.entry.settings.fields.get(field).or(self.context.defaults.fields.get(field))
    }

    fn is_image(&self) -> bool {
        self.setting(Field::ImageUrl).is_some() || self.is_refused("image")
    }

    fn require(&mut self, ignore: &BTreeSet<Field>) {
        let has = |field| self.setting(field).is_some();
        let has_code = self.entry.own.code.is_some() || self.is_image() || ignore.contains(&Field::Code);
        let has_handler = has(Field::Handler) || self.is_image();
        let present = [("runtime", has(Field::Runtime)), ("handler", has_handler), ("code", has_code)];
        let missing = present.into_iter().filter(|(field, present)| !present && !self.is_refused(field));
        let (missing, removed): (Vec<_>, Vec<_>) =
            missing.map(|(field, _)| (format!("`{field}`"), self.removed(field))).unzip();
        let is_image_runtime =
            self.setting(Field::Runtime).is_some_and(|(runtime, _)| runtime == runtime::CUSTOM_IMAGE);
        let missing = if has_code || !is_image_runtime { missing } else { vec!["`image`".to_owned()] };
        if !missing.is_empty() {
            let key = self.context.spot.pointer.rsplit('/').next().unwrap_or_default();
            let message = format!("the function `{key}` lacks {}", listed(&missing));
            let spot = self.context.spot.clone().of_key();
            let help = "a function needs runtime, handler and code, or an image; `defaults` can give all but the code, and `ignore: [code]` makes fgctl leave the code alone";
            let help = hint::misindented(&spot.pointer).unwrap_or_else(|| help.to_owned());
            let related = removed.into_iter().flatten().collect();
            let found = Diagnostic::error("missing-field", message).at(spot).help(help);
            self.diagnostics.push(Diagnostic { related, ..found });
        }
    }

    /// The place where an overlay removes a field.
    fn removed(&self, field: &str) -> Option<Related> {
        let Context { spot, defaults_spot, sources, .. } = self.context;
        let of_defaults = || sources.removed(&defaults_spot.as_ref()?.child(field));
        sources.removed(&spot.child(field)).or_else(of_defaults)
    }

    /// Whether the schema refused a field. The field is then present but invalid, and calling it missing would mislead.
    fn is_refused(&self, field: &str) -> bool {
        let refused = &self.context.names.refused;
        if refused.is_empty() {
            return false;
        }
        let mut fields = [self.context.spot.child(field).pointer, format!("/defaults/{field}")].into_iter();
        fields.any(|field| refused.contains("/defaults") || has_at_or_below(refused, &field))
    }

    fn secrets(&mut self) -> Secrets {
        let merged = merged(&self.entry.settings.secrets, &self.context.defaults.secrets);
        let secrets: Secrets = merged
            .map(|(name, secret)| {
                let value = Secret::value_in(self.context.environment, &secret.env);
                let spot = self.spot_of_secret(name).child("env");
                (name.clone(), Secret { variable: secret.env.clone(), value, spot })
            })
            .collect();
        for (name, secret) in secrets.iter().filter(|(_, secret)| credential::is_for_credentials(&secret.variable)) {
            let found = hint::credential_as_secret(&format!("the secret `{name}`"), secret.spot.clone());
            self.diagnostics.push(found);
        }
        let value_bytes = |secret: &Secret| secret.value.as_ref().map_or(0, |value| value.expose_secret().len());
        let bytes = secrets.iter().map(|(name, secret)| name.as_str().len() + value_bytes(secret)).sum();
        if let Some(message) = over_limit("secrets", secrets.len(), bytes) {
            let spot = self.spot_of_map(Field::Secrets, |entry| &entry.secrets);
            self.refuse("over-limit", message, spot);
        }
        secrets
    }

    /// The location of an entry of a map: in the function, or in `defaults`.
    fn spot_of_entry<V>(&self, own: &Setting<Entries<VariableName, V>>, field: Field, name: &VariableName) -> Spot {
        let is_own = matches!(own, Setting::Set(own) if own.0.contains_key(name));
        self.spot_of(if is_own { Origin::Own } else { Origin::Default }, field).child(name.as_str())
    }

    fn spot_of_secret(&self, name: &VariableName) -> Spot {
        self.spot_of_entry(&self.entry.settings.secrets, Field::Secrets, name)
    }

    fn environment(&mut self, secrets: &Secrets) -> BTreeMap<VariableName, String> {
        let merged = merged(&self.entry.settings.environment, &self.context.defaults.environment);
        let environment: BTreeMap<_, _> = merged.map(|(name, value)| (name.clone(), value.0.to_string())).collect();
        let bytes = environment.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if let Some(message) = over_limit("environment", environment.len(), bytes) {
            let spot = self.spot_of_map(Field::Environment, |entry| &entry.environment);
            self.refuse("over-limit", message, spot);
        }
        for name in environment.keys().filter(|name| secrets.contains_key(name)) {
            let spot = self.spot_of_entry(&self.entry.settings.environment, Field::Environment, name);
            let spot = self.context.sources.latest(spot, [self.spot_of_secret(name)]).of_key();
            self.refuse("duplicate-name", format!("`{name}` is in both `environment` and `secrets`"), spot);
        }
        environment
    }

    fn tags(&mut self, has_secrets: bool) -> BTreeMap<TagKey, TagValue> {
        let merged = merged(&self.entry.settings.tags, &self.context.defaults.tags);
        let tags: BTreeMap<_, _> = merged.map(|(key, value)| (key.clone(), value.0.clone())).collect();
        // Reserves a tag for a policy, so that adding a policy later does not push out other tags.
        let OwnEntry { protect, triggers, .. } = &self.entry.own;
        let (protect, triggers) = (*protect == Some(true), triggers.is_some());
        let needs = Needs { policy: true, secrets: has_secrets, protect, triggers };
        let (own, most) = (needs.keys().count(), needs.room());
        if tags.len() > most {
            let message = format!(
                "`tags` has {} entries, but at most {most} are possible here: a function has at most {}, and fgctl needs {own} of them",
                tags.len(),
                quota::TAGS
            );
            let spot = self.spot_of_map(Field::Tags, |entry| &entry.tags);
            self.refuse("over-limit", message, spot);
        }
        tags
    }

    /// A default policy is left to others if the function says so; its own policy cannot be meant then.
    fn policy(&mut self, ignore: &BTreeSet<Field>) -> Option<(AsyncPolicy, PolicySpots)> {
        let (own, context) = (&self.entry.settings.r#async, self.context);
        let (policy, origin) = policy::of_function(own, context.spot, context.names, self.diagnostics)?;
        match (ignore.contains(&Field::Async), origin) {
            (true, Origin::Default) => return None,
            (true, Origin::Own) => self.refuse_ignored_policy(),
            (false, _) => {}
        }
        Some(policy)
    }

    fn code(&mut self) -> Option<CodeSource> {
        if let Some((image, origin)) = self.setting(Field::ImageUrl) {
            if self.entry.own.code.is_some() {
                let message = "a function with a container image has no other code".to_owned();
                let image = self.spot_of(origin, Field::ImageUrl);
                let spot = self.context.sources.latest(self.context.spot.child("code"), [image]).of_key();
                self.refuse("code-and-image", message, spot);
            }
            // A wrong address is reported with the other fields.
            return serde_json::from_value(image.clone()).ok().map(CodeSource::Image);
        }
        let text = |field| self.setting(field).and_then(|(value, _)| value.as_str());
        let (runtime, handler) = (text(Field::Runtime), text(Field::Handler));
        let spot = self.context.spot.child("code");
        self.entry.own.code.as_ref()?.source(runtime.zip(handler), self.context.sources, &spot, self.diagnostics)
    }

    /// The dependency packages to upload.
    fn packages(&mut self) -> BTreeMap<String, CodeSource> {
        let Some((list, origin)) = self.setting(Field::Dependencies) else { return BTreeMap::new() };
        let spot = self.spot_of(origin, Field::Dependencies);
        package::declared(list, self.context.sources, &spot, self.diagnostics)
    }

    /// The fields of the table, and the locations of declared fields that are newer than the first release.
    fn configuration(&mut self) -> (Configuration, BTreeMap<Field, Spot>) {
        let spot = self.context.spot;
        let mut fields = self.context.inherited.clone().overlaid(&self.entry.settings.fields, spot);
        for field in [Field::Runtime, Field::Handler].into_iter().filter(|field| self.setting(*field).is_none()) {
            fields.set(field, &Setting::Set(self.stand_in(field)), spot);
        }
        let DeclaredFields { configuration, later, refused } = fields;
        for (field, (spot, wrong)) in refused {
            self.refuse_value(field, &spot, &wrong);
        }
        (configuration, later)
    }

    /// Replaces a missing or invalid runtime or handler with a value that causes no further warning.
    fn stand_in(&self, field: Field) -> Value {
        match field {
            Field::Runtime => runtime::RUNTIMES[0].into(),
            _ if self.is_image() => IMAGE_HANDLER.into(),
            _ => "index.handler".into(),
        }
    }

    fn refuse_value(&mut self, field: Field, spot: &Spot, wrong: &Wrong) {
        let Wrong { member, message } = wrong;
        let spot = member.map_or_else(|| spot.clone(), |member| spot.child(member));
        self.refuse("out-of-range", format!("`{}` {message}", member.unwrap_or(field.row().name())), spot);
    }

    /// Other ignored fields are at least sent when the function is created. A policy is not.
    fn refuse_ignored_policy(&mut self) {
        let message = "the policy is declared here but also ignored, so it would never be written";
        let help = "remove `async` here or from `ignore`";
        let spot = self.context.spot.child("async").of_key();
        let holders = [Some(self.context.spot), self.context.defaults_spot].into_iter().flatten();
        let spot = self.context.sources.latest(spot, holders.map(|holder| holder.child("ignore").of_key()));
        self.diagnostics.push(Diagnostic::error("ignored-policy", message).at(spot).help(help));
    }

    fn warn_of_inline_handler(&mut self, configuration: &Configuration) {
        let text = self.entry.own.code.as_ref().and_then(|code| code.inline.as_deref());
        let (runtime, handler) = (configuration.text(Field::Runtime), configuration.text(Field::Handler));
        let Some(defined) = text.and_then(|text| handler_file::other_functions(runtime, handler, text)) else { return };
        let Some((file, function)) = handler.rsplit_once('.') else { return };
        let origin = self.setting(Field::Handler).map_or(Origin::Own, |(_, origin)| origin);
        let message = format!("the inline code does not define `{function}`, which the handler `{handler}` names");
        let help = match defined.as_slice() {
            [one] => format!("write `handler: {file}.{one}`"),
            several => format!("the code defines {}", quoted(several)),
        };
        let inline = self.context.spot.child("code").child("inline");
        let spot = self.context.sources.latest(self.spot_of(origin, Field::Handler), [inline]);
        self.diagnostics.push(Diagnostic::warning("handler-not-in-code", message).at(spot).help(help));
    }

    fn warn_of_runtime(&mut self, runtime: &str) {
        if runtime::RUNTIMES.contains(&runtime) {
            return;
        }
        let origin = self.setting(Field::Runtime).map_or(Origin::Own, |(_, origin)| origin);
        let spot = self.spot_of(origin, Field::Runtime);
        let message = format!("unknown runtime `{runtime}`");
        let all = || format!("known runtimes: {}", quoted(&runtime::RUNTIMES));
        let known = similar_runtimes(runtime).unwrap_or_else(all);
        let help = format!("{}; each region has its own list, and the service decides", known.trim_end_matches('?'));
        let help = if known.ends_with('?') { known } else { help };
        self.diagnostics.push(Diagnostic::warning("unknown-runtime", message).at(spot).help(help));
    }
}

/// The limit that `environment` or `secrets` exceeds, if any.
fn over_limit(field: &str, entries: usize, bytes: usize) -> Option<String> {
    let (most_entries, most_bytes) = (quota::ENVIRONMENT_ENTRIES, quota::ENVIRONMENT_BYTES);
    if entries > most_entries {
        return Some(format!("`{field}` has {entries} entries; the limit is {most_entries}"));
    }
    (bytes > most_bytes).then(|| {
        let (bytes, most) = (grouped(bytes as u64), grouped(most_bytes as u64));
        format!("`{field}` has {bytes} bytes of names and values; the limit is {most}")
    })
}
