//! The arguments of `#[api_endpoint(..)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Ident, Lit, LitStr, Path, Result, Token, bracketed};

use crate::diagnostics::{Diagnostics, Message, error_at_next, error_at_span, message};
use crate::parse::method::Method;
use crate::parse::parsed::Parsed;
use crate::parse::path::Template;
use crate::parse::{permission, timeout};
use crate::suggest::nearest;

/// The options that may follow the path.
const OPTIONS: [&str; 5] = ["perm", "idempotent", "raw", "timeout", "crate"];

/// The arguments of the attribute, as far as they can be read.
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
    /// Reads the tokens of the attribute to their end, whatever they are. `path` receives the errors up to the end of
    /// the path, `rest` the others.
    pub(crate) fn parse(tokens: TokenStream, attribute: Span, path: &Diagnostics, rest: &Diagnostics) -> Self {
        let mut parser = Parser { args: Self::default(), stated: Vec::new(), path, rest };
        let read = |input: ParseStream| {
            parser.read(input, attribute);
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            rest.push(error);
        }
        parser.args
    }

    /// Whether tokens contain everything that an endpoint needs.
    pub(crate) fn are_complete(tokens: &TokenStream) -> bool {
        let args = Self::unreported(tokens);
        args.method.as_valid().is_some() && args.template.as_valid().is_some()
    }

    /// Whether tokens contain a method, or a path without mistakes.
    pub(crate) fn are_begun(tokens: &TokenStream) -> bool {
        let args = Self::unreported(tokens);
        args.method.as_valid().is_some() || args.template.as_valid().is_some_and(|template| template.is_sound)
    }

    fn unreported(tokens: &TokenStream) -> Self {
        let ignored = Diagnostics::default();
        Self::parse(tokens.clone(), Span::call_site(), &ignored, &ignored)
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
    /// The list for errors of the next token.
    fn diagnostics(&self) -> &Diagnostics {
        if self.args.template.as_valid().is_some() { self.rest } else { self.path }
    }

    fn error_at(&self, tokens: impl ToTokens, message: Message) {
        self.diagnostics().error_at(tokens, message);
    }

    fn read(&mut self, input: ParseStream, attribute: Span) {
        let first = input.cursor().token_tree().map_or(attribute, |(token, _)| token.span());
        while !input.is_empty() {
            if let Err(error) = self.item(input) {
                self.diagnostics().push(error);
                skip_item(input);
            } else if !input.is_empty() && !input.peek(Token![,]) {
                self.diagnostics().push(error_at_next(input, message!("separate the parts with a comma")));
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
        } else if input.peek(Lit) && self.args.template.as_valid().is_none() {
            let literal: Lit = input.parse()?;
            self.args.template = Parsed::Invalid;
            self.error_at(literal, message!("the path must be a string: `\"/customers\"`"));
        } else if input.peek(Ident::peek_any) {
            let name = input.call(Ident::parse_any)?;
            self.named(&name, input)?;
        } else if self.args.method.as_valid().is_some() && self.args.template.is_absent() && !input.peek(Token![,]) {
            self.args.template = Parsed::Invalid;
            return Err(error_at_next(input, unquoted()));
        } else if self.args.method.is_absent() {
            self.args.method = Parsed::Invalid;
            return Err(error_at_next(input, incomplete()));
        } else {
            let options = list(&OPTIONS, "and");
            return Err(error_at_next(input, message!("expected an option; the options are {options}")));
        }
        Ok(())
    }

    fn literal(&mut self, literal: LitStr) {
        let text = literal.value();
        if self.args.method.is_absent() {
            self.args.method = Parsed::Invalid;
            if let Some(method) = Method::named(&text.to_lowercase()) {
                let method = method.name();
                return self.error_at(literal, message!("the HTTP method is written without quotes: `{method}`"));
            }
            if let Some((method, path)) =
                text.split_once(' ').filter(|(method, _)| Method::named(&method.to_lowercase()).is_some())
            {
                self.args.template = Parsed::Invalid;
                let method = method.to_lowercase();
                let text = message!("the HTTP method comes before the path, without quotes: `{method}, \"{path}\"`");
                return self.error_at(literal, text);
            }
            self.error_at(&literal, message!("the HTTP method comes before the path: `get, \"{text}\"`"));
        }
        if self.args.template.as_valid().is_none() {
            self.args.template = Parsed::Valid(Template::parse(literal, self.path));
        } else if permission::is_valid(&text) {
            self.error_at(literal, message!("a permission is an option; write `perm = \"{text}\"`"));
        } else {
            self.error_at(literal, message!("an endpoint has one path; remove this one"));
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
                self.error_at(name, self.named_positions(name, input));
                (self.args.method, self.args.template) = (Parsed::Invalid, Parsed::Invalid);
            } else if self.args.method.as_valid().is_some() && self.args.template.as_valid().is_some() {
                self.error_at(name, unknown_option(&text));
            }
            skip_item(input);
            return Ok(());
        }
        if let Some(method) = Method::named(&text) {
            match self.args.method {
                Parsed::Absent => self.args.method = Parsed::Valid(method),
                Parsed::Invalid => {}
                Parsed::Valid(_) => {
                    self.error_at(name, message!("an endpoint has one HTTP method; remove this one"));
                }
            }
            return Ok(());
        }
        if self.args.method.is_absent() && !has_value {
            self.args.method = Parsed::Invalid;
            self.error_at(name, unknown_method(&text));
        } else if self.args.template.is_absent() && is_path_expression(&text, input) {
            self.args.template = Parsed::Invalid;
            let text = message!("the path must be a string literal, because the macro reads it: `\"/customers\"`");
            self.error_at(name, text);
        } else if self.args.template.is_absent() && !has_value && nearest(&text, OPTIONS).is_none() {
            self.args.template = Parsed::Invalid;
            self.error_at(name, unquoted());
        } else {
            self.error_at(name, unknown_option(&text));
        }
        skip_item(input);
        Ok(())
    }

    fn option(&mut self, name: &Ident, text: &str, input: ParseStream) -> Result<()> {
        if self.stated.iter().any(|stated| stated == text) {
            self.error_at(name, message!("`{text}` is given twice; remove this one"));
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
            let text = match text {
                "perm" => message!("`perm` needs a value: `perm = \"customers.create.*\"`"),
                "timeout" => message!("`timeout` needs a value: `timeout = \"5s\"`"),
                _ => message!("`crate` needs a value: `crate = path::to::meetbit_client`"),
            };
            self.error_at(name, text);
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
            self.error_at(name, message!("`{text}` takes no value; write `{text}` or leave it out"));
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
                let text = if content.peek(LitStr) {
                    message!("separate the permissions with a comma")
                } else {
                    message!("a permission is a string: `\"customers.create.*\"`")
                };
                skip_rest(&content);
                error_at_span(error.span(), text)
            })?;
            if literals.is_empty() {
                let text = message!("the list is empty; add a permission or leave `perm` out");
                return Err(error_at_span(bracket.join(), text));
            }
            literals
        } else {
            Punctuated::from_iter([input.parse::<LitStr>().map_err(|error| {
                let text =
                    message!("a permission is a string, or a list of strings in brackets: `\"customers.create.*\"`");
                error_at_span(error.span(), text)
            })?])
        };
        for literal in literals {
            permission::check(&literal, self.diagnostics());
            if self.args.permissions.iter().any(|stated| stated.value() == literal.value()) {
                self.error_at(&literal, message!("this permission is given twice; remove this one"));
            }
            self.args.permissions.push(literal);
        }
        Ok(())
    }

    fn timeout(&mut self, input: ParseStream) -> Result<()> {
        let literal: LitStr =
            input.parse().map_err(|error: syn::Error| error_at_span(error.span(), wrong_timeout()))?;
        match timeout::millis(&literal.value()) {
            None => self.error_at(literal, wrong_timeout()),
            Some(0) => {
                let text =
                    message!("a time limit must not be zero; write one such as `\"5s\"`, or leave `timeout` out");
                self.error_at(literal, text);
            }
            millis => self.args.timeout_millis = millis,
        }
        Ok(())
    }

    /// What to write for `method = get, path = "/notes"` and the like: the author's own method and path, as far as
    /// given.
    fn named_positions(&self, name: &Ident, input: ParseStream) -> Message {
        let tokens = input.fork().parse::<TokenStream>().unwrap_or_default();
        let tokens = flat(TokenStream::from_iter([name.to_token_stream(), tokens]));
        let given = tokens.iter().find_map(|token| Method::named(&token.to_string().trim_matches('"').to_lowercase()));
        let method = self.args.method.as_valid().copied().or(given).unwrap_or(Method::Get).name();
        let paths = tokens.into_iter().filter_map(|token| syn::parse2::<LitStr>(token.into()).ok());
        let path = paths.map(|literal| literal.value()).find(|text| text.starts_with('/'));
        let path = path.unwrap_or_else(|| "/customers".to_owned());
        message!("the HTTP method and the path come first, without names: `{method}, \"{path}\"`")
    }

    /// Reports what is absent.
    fn complete(&mut self, first: Span) {
        match (&self.args.method, &self.args.template) {
            (Parsed::Absent, _) => self.diagnostics().error_at_span(first, incomplete()),
            (Parsed::Valid(method), Parsed::Absent) => {
                let text = message!("the path is missing; write `{}, \"/customers\"`", method.name());
                self.diagnostics().error_at_span(first, text);
            }
            _ => {}
        }
    }
}

/// Whether the next token is the last of its part.
fn ends_after(input: ParseStream) -> bool {
    let after = input.cursor().token_tree().map(|(_, rest)| rest);
    after.is_some_and(|rest| rest.eof() || rest.punct().is_some_and(|(punct, _)| punct.as_char() == ','))
}

/// Reads the value of `crate = path`.
pub(crate) fn krate(input: ParseStream) -> Result<Path> {
    input.call(Path::parse_mod_style).map_err(|error| {
        let text =
            message!("`crate` takes the path of meetbit-client, without quotes: `crate = path::to::meetbit_client`");
        error_at_span(error.span(), text)
    })
}

/// Skips the rest, so that the parser does not report it.
fn skip_rest(input: ParseStream) {
    while input.parse::<TokenTree>().is_ok() {}
}

fn skip_item(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

fn incomplete() -> Message {
    message!("an endpoint needs an HTTP method and a path: `#[api_endpoint(get, \"/customers/{{id}}\")]`")
}

fn unquoted() -> Message {
    message!("the path needs quotes: `\"/customers\"`")
}

fn wrong_timeout() -> Message {
    message!("a time limit is a whole number of `ms`, `s` or `m`, at most a day: `timeout = \"5s\"`")
}

fn unknown_method(name: &str) -> Message {
    let lower = name.to_lowercase();
    if Method::named(&lower).is_some() {
        return message!("the HTTP method is written in lower case: `{lower}`");
    }
    match nearest(&lower, Method::NAMES) {
        Some(method) => message!("`{name}` is not an HTTP method; write `{method}`"),
        None => message!("`{name}` is not an HTTP method; write one of {}", list(&Method::NAMES, "or")),
    }
}

fn unknown_option(name: &str) -> Message {
    match nearest(name, OPTIONS) {
        Some(option) => message!("`{name}` is not an option; write `{option}`"),
        None => message!("`{name}` is not an option; the options are {}", list(&OPTIONS, "and")),
    }
}

/// Whether other libraries use this name for the HTTP method or the path.
fn is_position(name: &str) -> bool {
    ["method", "verb", "path", "url", "uri", "endpoint"].contains(&name)
}

/// Whether a name in the position of the path is that of a constant, a macro or an item.
fn is_path_expression(name: &str, input: ParseStream) -> bool {
    input.peek(Token![!]) || input.peek(Token![::]) || !name.contains(|letter: char| letter.is_ascii_lowercase())
}

/// The tokens without their brackets.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => flat(group.stream()),
            token => vec![token],
        })
        .collect()
}

/// "`a`, `b` and `c`".
fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [first @ .., last] if !first.is_empty() => format!("{} {conjunction} {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}
