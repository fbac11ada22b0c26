//! From a template and what it is given to a text.

use std::collections::BTreeSet;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig,
    value::Serde,
};
use serde_json::Value as Json;
use skep_core::text;

use super::{Origin, Overrides, PromptError, Template, examples};
use crate::config::At;

/// The most of what an error repeats of a template. Characters.
const ECHO: usize = 60;

/// Fills in the template that is in force.
///
/// Errors: it does not compile, or asks for what it is not given.
pub(super) fn fill(
    template: Template,
    overrides: &Overrides,
    given: &Json,
) -> Result<String, PromptError> {
    let source = overrides.text(template);
    let unfit = |err: &Error| Unfit::of(err, source).error(template, overrides, given);
    let env = environment().map_err(|err| unfit(&err))?;
    let compiled =
        env.template_from_named_str(template.word(), source).map_err(|err| unfit(&err))?;
    let text = compiled.render(Value::from(Serde(given))).map_err(|err| unfit(&err))?;
    Ok(format!("{}\n", text.trim_matches('\n').trim_end()))
}

/// Looks a person's template through: each name in it means something, and it can be filled in whatever is absent.
pub(super) fn check(template: Template, overrides: &Overrides) -> Result<(), PromptError> {
    if *overrides.origin(template) == Origin::BuiltIn {
        return Ok(());
    }
    let given = super::given(&examples::full(template), overrides)?;
    let source = overrides.text(template);
    if let Some(unfit) = unknown(template, source, &given) {
        return Err(unfit.error(template, overrides, &given));
    }
    let sparse = super::given(&examples::sparse(template), overrides)?;
    for given in [&given, &sparse] {
        if fill(template, overrides, given)?.trim().is_empty() {
            let unfit = Unfit { line: None, why: "it says nothing".to_owned() };
            return Err(unfit.error(template, overrides, given));
        }
    }
    Ok(())
}

/// The first name in a template that means nothing, whether or not that is ever asked for.
fn unknown(template: Template, source: &str, given: &Json) -> Option<Unfit> {
    // What does not compile is told by whoever fills it in.
    let env = environment().ok()?;
    let compiled = env.template_from_named_str(template.word(), source).ok()?;
    let globals: BTreeSet<&str> = env.globals().map(|(name, _)| name).collect();
    let means = |path: &str| {
        let mut steps = path.split('.');
        let first = steps.next().unwrap_or_default();
        if globals.contains(first) {
            return true;
        }
        let mut here = given.get(first);
        for step in steps {
            here = match here {
                // What an item of a list has is seen when it is filled in.
                Some(Json::Array(_)) => return true,
                Some(other) => other.get(step),
                None => None,
            };
        }
        here.is_some()
    };
    let named: BTreeSet<String> = compiled.undeclared_variables(true).into_iter().collect();
    let unknown = named.into_iter().filter(|path| !means(path));
    let found = unknown.map(|path| {
        let known = given.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let near = text::nearest(&path, known);
        let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        let why = format!("there is no `{}`{near}", text::words(&path, ECHO));
        Unfit { line: line_of(source, &path), why }
    });
    found.min_by_key(|unfit| unfit.line)
}

/// The line of a template in which `path` is asked for first, from 1.
fn line_of(source: &str, path: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut inside = false;
    let mut line = 1;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        inside |= rest.starts_with("{{") || rest.starts_with("{%");
        inside &= !(rest.starts_with("}}") || rest.starts_with("%}"));
        let before = source[..source.len() - rest.len()].chars().next_back();
        let alone = !before.is_some_and(|c| word(c) || c == '.');
        if inside && alone && rest.strip_prefix(path).is_some_and(|after| !after.starts_with(word))
        {
            return Some(line);
        }
        line += usize::from(c == '\n');
        rest = &rest[c.len_utf8()..];
    }
    None
}

/// All names that a template may use.
pub(super) fn names(given: &Json) -> Vec<String> {
    fn add(path: &str, value: &Json, names: &mut Vec<String>) {
        match value {
            Json::Object(fields) => {
                for (name, value) in fields {
                    let path =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    add(&path, value, names);
                }
            }
            Json::Array(items) if items.first().is_some_and(Json::is_object) => {
                add(&format!("{path}[]"), &items[0], names);
            }
            Json::Array(_) => names.push(format!("{path}[]")),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                names.push(path.to_owned());
            }
        }
    }
    let mut found = Vec::new();
    add("", given, &mut found);
    found
}

/// What is wrong with a template, and where.
struct Unfit {
    line: Option<usize>,
    why: String,
}

impl Unfit {
    fn of(err: &Error, source: &str) -> Unfit {
        let words = err.range().and_then(|range| source.get(range));
        let words = words.map(|words| text::words(&text::one_line(words), ECHO));
        let why = match (err.kind(), words) {
            (ErrorKind::UndefinedError, Some(words)) => format!("there is no `{words}`"),
            (kind, _) => err.detail().map_or_else(|| kind.to_string(), text::one_line),
        };
        Unfit { line: err.line(), why }
    }

    fn error(self, template: Template, overrides: &Overrides, given: &Json) -> PromptError {
        let file = match overrides.origin(template) {
            Origin::BuiltIn => format!("the built-in {}", template.word()),
            Origin::Person(path) | Origin::Project(path) => path.display().to_string(),
        };
        let at = At { file, line: self.line };
        PromptError::Unfit { at, why: self.why, template, names: names(given) }
    }
}

/// Templates without files and without each other: what one is given is all that it knows.
fn environment() -> Result<Environment<'static>, Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    // It is what tells the words at fault.
    env.set_debug(true);
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    env.add_filter("code", |words: String| code(&words));
    env.set_formatter(|out, state, value| {
        if value.is_none() {
            let why = "what is printed here may be absent: put it into {% if … %}";
            return Err(Error::new(ErrorKind::InvalidOperation, why));
        }
        minijinja::escape_formatter(out, state, value)
    });
    Ok(env)
}

/// Code within a line of Markdown, which nothing in it ends.
fn code(words: &str) -> String {
    let words = text::visible(&words.replace(['\n', '\r'], " "));
    let longest = words.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{words}{space}{fence}")
}
