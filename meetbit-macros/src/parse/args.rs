//! The arguments of `#[api_endpoint(..)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Ident, Lit, LitStr, Path, Result, Token, bracketed};

use crate::diagnostics::Diagnostics;
use crate::parse::method::Method;
use crate::parse::parsed::Parsed;
use crate::parse::path::Template;
use crate::parse::{permission, timeout};
use crate::suggest::nearest;

/// The options that may follow the path.
const OPTIONS: [&str; 5] = ["perm", "idempotent", "raw", "timeout", "crate"];

const UNQUOTED: &str = "the path stands in quotes: `\"/customers\"`";

/// What the attribute says, as far as it can be read.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) method: Parsed<Method>,
    pub(crate) template: Parsed<Template>,
    pub(crate) permissions: Vec<LitStr>,
    pub(crate) is_idempotent: bool,
    pub(crate) is_raw: bool,
    pub(crate) timeout_millis: Option<u64>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    /// Reads the attribute's tokens to their end, whatever they are. `path` receives the errors up to the end of the path,
    /// `rest` the others.
    pub(crate) fn parse(tokens: TokenStream, path: &Diagnostics, rest: &Diagnostics) -> Self {
        let mut parser = Parser { args: Self::default(), stated: Vec::new(), path, rest };
        let read = |input: ParseStream| {
            parser.read(input);
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            rest.push(error);
        }
        parser.args
    }

    /// Whether tokens say everything that an endpoint needs.
    pub(crate) fn are_complete(tokens: &TokenStream) -> bool {
        let ignored = Diagnostics::default();
        let args = Self::parse(tokens.clone(), &ignored, &ignored);
        args.method.as_valid().is_some() && args.template.as_valid().is_some()
    }
}

struct Parser<'a> {
    args: Args,
    /// The options so far.
    stated: Vec<String>,
    path: &'a Diagnostics,
    rest: &'a Diagnostics,
}

impl Parser<'_> {
    /// Where the errors of the next token belong.
    fn diagnostics(&self) -> &Diagnostics {
        if self.args.template.as_valid().is_some() { self.rest } else { self.path }
    }

    fn read(&mut self, input: ParseStream) {
        let first = input.cursor().token_tree().map_or_else(Span::call_site, |(token, _)| token.span());
        while !input.is_empty() {
            if let Err(error) = self.item(input) {
                self.diagnostics().push(error);
                skip_item(input);
            } else if !input.is_empty() && !input.peek(Token![,]) {
                self.diagnostics().push(input.error("separate the parts with a comma"));
                if !input.peek(Lit) && !input.peek(Ident::peek_any) {
                    if self.args.template.is_absent() {
                        self.args.template = Parsed::Invalid;
                    }
                    skip_item(input);
                }
            }
            let _: Option<Token![,]> = input.parse().ok();
        }
        self.complete(first);
    }

    fn item(&mut self, input: ParseStream) -> Result<()> {
        if input.peek(LitStr) {
            self.literal(input.parse()?);
        } else if input.peek(Lit) {
            let literal: Lit = input.parse()?;
            self.args.template = Parsed::Invalid;
            self.diagnostics().error_at(literal, "the path is a string: `\"/customers\"`");
        } else if input.peek(Ident::peek_any) {
            let name = input.call(Ident::parse_any)?;
            self.named(&name, input)?;
        } else if self.args.method.as_valid().is_some() && self.args.template.is_absent() && !input.peek(Token![,]) {
            self.args.template = Parsed::Invalid;
            return Err(input.error(UNQUOTED));
        } else {
            return Err(
                input.error(format!("write an option here, or nothing; the options are {}", list(&OPTIONS, "and")))
            );
        }
        Ok(())
    }

    fn literal(&mut self, literal: LitStr) {
        let text = literal.value();
        if self.args.method.is_absent() {
            self.args.method = Parsed::Invalid;
            if let Some(method) = Method::named(&text.to_lowercase()) {
                let method = method.name();
                return self
                    .diagnostics()
                    .error_at(literal, format!("the HTTP method is written without quotes: `{method}`"));
            }
            if let Some((method, path)) =
                text.split_once(' ').filter(|(method, _)| Method::named(&method.to_lowercase()).is_some())
            {
                self.args.template = Parsed::Invalid;
                let method = method.to_lowercase();
                return self.diagnostics().error_at(
                    literal,
                    format!("the HTTP method stands before the path, without quotes: `{method}, \"{path}\"`"),
                );
            }
            self.diagnostics().error_at(&literal, format!("the HTTP method comes before the path: `get, \"{text}\"`"));
        }
        if self.args.template.as_valid().is_none() {
            self.args.template = Parsed::Valid(Template::parse(literal, self.path));
        } else if permission::is_valid(&text) {
            self.diagnostics().error_at(literal, format!("a permission is an option; write `perm = \"{text}\"`"));
        } else {
            self.diagnostics().error_at(literal, "an endpoint has one path; remove this one");
        }
    }

    fn named(&mut self, name: &Ident, input: ParseStream) -> Result<()> {
        let text = name.to_string();
        let has_value = input.peek(Token![=]);
        if OPTIONS.contains(&text.as_str()) {
            return self.option(name, &text, input);
        }
        let is_stuck = has_value || input.peek(syn::token::Paren);
        if is_stuck && (Method::named(&text).is_some() || is_position(&text)) {
            if self.args.method.is_absent() || self.args.template.is_absent() {
                self.diagnostics()
                    .error_at(name, "the HTTP method and the path stand first, without names: `get, \"/customers\"`");
                (self.args.method, self.args.template) = (Parsed::Invalid, Parsed::Invalid);
            } else if self.args.method.as_valid().is_some() && self.args.template.as_valid().is_some() {
                self.diagnostics().error_at(name, unknown_option(&text));
            }
            skip_item(input);
            return Ok(());
        }
        if let Some(method) = Method::named(&text) {
            match self.args.method {
                Parsed::Absent => self.args.method = Parsed::Valid(method),
                Parsed::Invalid => {}
                Parsed::Valid(_) => {
                    self.diagnostics().error_at(name, "an endpoint has one HTTP method; remove this one")
                }
            }
            return Ok(());
        }
        if self.args.method.is_absent() && !has_value {
            self.args.method = Parsed::Invalid;
            self.diagnostics().error_at(name, unknown_method(&text));
        } else if self.args.template.is_absent() && is_path_expression(&text, input) {
            self.args.template = Parsed::Invalid;
            self.diagnostics()
                .error_at(name, "the path is a string literal, which the macro can read: `\"/customers\"`");
        } else if self.args.template.is_absent() && !has_value && nearest(&text, OPTIONS).is_none() {
            self.args.template = Parsed::Invalid;
            self.diagnostics().error_at(name, UNQUOTED);
        } else {
            self.diagnostics().error_at(name, unknown_option(&text));
        }
        skip_item(input);
        Ok(())
    }

    fn option(&mut self, name: &Ident, text: &str, input: ParseStream) -> Result<()> {
        if self.stated.iter().any(|stated| stated == text) {
            self.diagnostics().error_at(name, format!("`{text}` is stated twice; remove this one"));
            skip_item(input);
            return Ok(());
        }
        self.stated.push(text.to_owned());
        if text == "idempotent" || text == "raw" {
            self.flag(name, text, input);
            return Ok(());
        }
        let is_unfinished = input.peek(Token![=]) && ends_after(input);
        if !input.peek(Token![=]) || is_unfinished {
            let example = match text {
                "perm" => "perm = \"customers.create.*\"",
                "timeout" => "timeout = \"5s\"",
                _ => "crate = path::to::meetbit_client",
            };
            self.diagnostics().error_at(name, format!("`{text}` needs a value: `{example}`"));
            skip_item(input);
            return Ok(());
        }
        input.parse::<Token![=]>()?;
        match text {
            "perm" => self.permissions(input),
            "timeout" => self.timeout(input),
            _ => {
                self.args.krate = Some(krate(input)?);
                Ok(())
            }
        }
    }

    fn flag(&mut self, name: &Ident, text: &str, input: ParseStream) {
        if !input.is_empty() && !input.peek(Token![,]) {
            self.diagnostics().error_at(name, format!("`{text}` takes no value; write it alone or leave it out"));
            skip_item(input);
        }
        self.args.is_idempotent |= text == "idempotent";
        self.args.is_raw |= text == "raw";
    }

    fn permissions(&mut self, input: ParseStream) -> Result<()> {
        let literals = if input.peek(syn::token::Bracket) {
            let content;
            let bracket = bracketed!(content in input).span;
            let literals = Punctuated::<LitStr, Token![,]>::parse_terminated(&content).map_err(|error| {
                skip_rest(&content);
                syn::Error::new(error.span(), "a permission is a string: `\"customers.create.*\"`")
            })?;
            if literals.is_empty() {
                return Err(syn::Error::new(bracket.join(), "list a permission, or leave `perm` out"));
            }
            literals
        } else {
            let text = "a permission is a string, or a list of strings in brackets: `\"customers.create.*\"`";
            Punctuated::from_iter([input.parse::<LitStr>().map_err(|error| syn::Error::new(error.span(), text))?])
        };
        for literal in literals {
            permission::check(&literal, self.diagnostics());
            if self.args.permissions.iter().any(|stated| stated.value() == literal.value()) {
                self.diagnostics().error_at(&literal, "this permission is stated twice; remove this one");
            }
            self.args.permissions.push(literal);
        }
        Ok(())
    }

    fn timeout(&mut self, input: ParseStream) -> Result<()> {
        const TEXT: &str = "a time limit is a whole number of `ms`, `s` or `m`, at most a day: `timeout = \"5s\"`";
        let literal: LitStr = input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), TEXT))?;
        self.args.timeout_millis = timeout::millis(&literal.value());
        if self.args.timeout_millis.is_none() {
            self.diagnostics().error_at(literal, TEXT);
        }
        Ok(())
    }

    /// Records what is not there at all.
    fn complete(&mut self, first: Span) {
        match (&self.args.method, &self.args.template) {
            (Parsed::Absent, _) => self.diagnostics().push(syn::Error::new(
                first,
                "an endpoint needs an HTTP method and a path: `#[api_endpoint(get, \"/customers/{id}\")]`",
            )),
            (Parsed::Valid(method), Parsed::Absent) => self.diagnostics().push(syn::Error::new(
                first,
                format!("the path is missing; write `{}, \"/customers\"`", method.name()),
            )),
            _ => {}
        }
    }
}

/// Whether nothing stands between the next token and the end of its part.
fn ends_after(input: ParseStream) -> bool {
    let after = input.cursor().token_tree().map(|(_, rest)| rest);
    after.is_some_and(|rest| rest.eof() || rest.punct().is_some_and(|(punct, _)| punct.as_char() == ','))
}

/// Reads the value of `crate = path`.
pub(crate) fn krate(input: ParseStream) -> Result<Path> {
    let text = "`crate` is the path of meetbit-client, without quotes: `crate = path::to::meetbit_client`";
    input.call(Path::parse_mod_style).map_err(|error| syn::Error::new(error.span(), text))
}

/// Leaves nothing for the parser to complain about by itself.
fn skip_rest(input: ParseStream) {
    while input.parse::<TokenTree>().is_ok() {}
}

fn skip_item(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

fn unknown_method(name: &str) -> String {
    let lower = name.to_lowercase();
    if Method::named(&lower).is_some() {
        return format!("the HTTP method is written in lower case: `{lower}`");
    }
    match nearest(&lower, Method::NAMES) {
        Some(method) => format!("`{name}` is not an HTTP method; write `{method}`"),
        None => format!("`{name}` is not an HTTP method; write one of {}", list(&Method::NAMES, "or")),
    }
}

fn unknown_option(name: &str) -> String {
    match nearest(name, OPTIONS) {
        Some(option) => format!("`{name}` is not an option; write `{option}`"),
        None => format!("`{name}` is not an option; the options are {}", list(&OPTIONS, "and")),
    }
}

/// Whether a name is one that other libraries give to the HTTP method or the path.
fn is_position(name: &str) -> bool {
    ["method", "verb", "path", "url", "uri", "endpoint"].contains(&name)
}

/// Whether a name where the path should be is that of a constant, a macro or an item.
fn is_path_expression(name: &str, input: ParseStream) -> bool {
    input.peek(Token![!]) || input.peek(Token![::]) || !name.contains(|letter: char| letter.is_ascii_lowercase())
}

/// "`a`, `b` and `c`".
fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [first @ .., last] if !first.is_empty() => format!("{} {conjunction} {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}
