//! What `#[api_endpoint(..)]` says.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, Lit, LitStr, Path, Result, Token, bracketed};

use crate::mistake::Mistakes;
use crate::nearest::nearest;
use crate::path::Template;
use crate::verb::Verb;
use crate::{permission, timeout};

/// The options that may follow the path.
const OPTIONS: [&str; 5] = ["perm", "idempotent", "raw", "timeout", "crate"];

const UNQUOTED: &str = "the path stands in quotes: `\"/customers\"`";

/// What the attribute says, as far as it can be read.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) verb: Slot<Verb>,
    pub(crate) template: Slot<Template>,
    pub(crate) permissions: Vec<LitStr>,
    pub(crate) is_idempotent: bool,
    pub(crate) is_raw: bool,
    pub(crate) timeout_millis: Option<u64>,
    pub(crate) krate: Option<Path>,
    /// How many mistakes stand before the end of the path: those of its placeholders come next.
    pub(crate) mistakes_before_options: usize,
    stated: Vec<String>,
}

/// A part that has to be there once.
#[derive(Default)]
pub(crate) enum Slot<T> {
    #[default]
    Missing,
    /// It is there, or its absence has been reported.
    Wrong,
    Right(T),
}

impl<T> Slot<T> {
    pub(crate) fn right(self) -> Option<T> {
        match self {
            Self::Right(value) => Some(value),
            Self::Missing | Self::Wrong => None,
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Right(value) => Some(value),
            Self::Missing | Self::Wrong => None,
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl Args {
    /// Reads the attribute's tokens to their end, whatever they are.
    pub(crate) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Self::default();
        let read = |input: ParseStream| {
            args.read(input, mistakes);
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            mistakes.push(error);
        }
        args
    }

    /// Whether tokens say all that an endpoint needs.
    pub(crate) fn are_complete(tokens: &TokenStream) -> bool {
        let args = Self::parse(tokens.clone(), &mut Mistakes::default());
        args.verb.get().is_some() && args.template.get().is_some()
    }

    fn read(&mut self, input: ParseStream, mistakes: &mut Mistakes) {
        let first = input.cursor().token_tree().map_or_else(Span::call_site, |(token, _)| token.span());
        while !input.is_empty() {
            if let Err(error) = self.item(input, mistakes) {
                mistakes.push(error);
                skip_item(input);
            } else if !input.is_empty() && !input.peek(Token![,]) {
                mistakes.push(input.error("separate the parts with a comma"));
                if !input.peek(Lit) && !input.peek(Ident::peek_any) {
                    if self.template.is_missing() {
                        self.template = Slot::Wrong;
                    }
                    skip_item(input);
                }
            }
            let _: Option<Token![,]> = input.parse().ok();
        }
        self.complete(first, mistakes);
    }

    fn item(&mut self, input: ParseStream, mistakes: &mut Mistakes) -> Result<()> {
        if input.peek(LitStr) {
            self.literal(input.parse()?, mistakes);
        } else if input.peek(Lit) {
            let literal: Lit = input.parse()?;
            self.template = Slot::Wrong;
            mistakes.at(literal, "the path is a string: `\"/customers\"`");
        } else if input.peek(Ident::peek_any) {
            let name = input.call(Ident::parse_any)?;
            self.named(&name, input, mistakes)?;
        } else if self.verb.get().is_some() && self.template.is_missing() && !input.peek(Token![,]) {
            self.template = Slot::Wrong;
            return Err(input.error(UNQUOTED));
        } else {
            return Err(
                input.error(format!("write an option here, or nothing; the options are {}", list(&OPTIONS, "and")))
            );
        }
        Ok(())
    }

    fn literal(&mut self, literal: LitStr, mistakes: &mut Mistakes) {
        let text = literal.value();
        if self.verb.is_missing() {
            self.verb = Slot::Wrong;
            if let Some(verb) = Verb::named(&text.to_lowercase()) {
                let verb = verb.name();
                return mistakes.at(literal, format!("the HTTP method is written without quotes: `{verb}`"));
            }
            if let Some((verb, path)) =
                text.split_once(' ').filter(|(verb, _)| Verb::named(&verb.to_lowercase()).is_some())
            {
                self.template = Slot::Wrong;
                let verb = verb.to_lowercase();
                return mistakes.at(
                    literal,
                    format!("the HTTP method stands before the path, without quotes: `{verb}, \"{path}\"`"),
                );
            }
            mistakes.at(&literal, format!("the HTTP method comes before the path: `get, \"{text}\"`"));
        }
        if self.template.get().is_none() {
            self.template = Slot::Right(Template::parse(literal, mistakes));
            self.mistakes_before_options = mistakes.len();
        } else if permission::is_right(&literal) {
            mistakes.at(literal, format!("a permission is an option; write `perm = \"{text}\"`"));
        } else {
            mistakes.at(literal, "an endpoint has one path; remove this one");
        }
    }

    fn named(&mut self, name: &Ident, input: ParseStream, mistakes: &mut Mistakes) -> Result<()> {
        let text = name.to_string();
        let has_value = input.peek(Token![=]);
        if OPTIONS.contains(&text.as_str()) {
            return self.option(name, &text, input, mistakes);
        }
        let is_stuck = has_value || input.peek(syn::token::Paren);
        if is_stuck && (Verb::named(&text).is_some() || is_position(&text)) {
            if self.verb.is_missing() || self.template.is_missing() {
                mistakes.at(name, "the HTTP method and the path stand first, without names: `get, \"/customers\"`");
                (self.verb, self.template) = (Slot::Wrong, Slot::Wrong);
            } else if self.verb.get().is_some() && self.template.get().is_some() {
                mistakes.at(name, unknown_option(&text));
            }
            skip_item(input);
            return Ok(());
        }
        if let Some(verb) = Verb::named(&text) {
            match self.verb {
                Slot::Missing => self.verb = Slot::Right(verb),
                Slot::Wrong => {}
                Slot::Right(_) => mistakes.at(name, "an endpoint has one HTTP method; remove this one"),
            }
            return Ok(());
        }
        if self.verb.is_missing() && !has_value {
            self.verb = Slot::Wrong;
            mistakes.at(name, unknown_verb(&text));
        } else if self.template.is_missing() && is_path_expression(&text, input) {
            self.template = Slot::Wrong;
            mistakes.at(name, "the path is a string literal, which the macro can read: `\"/customers\"`");
        } else if self.template.is_missing() && !has_value && nearest(&text, OPTIONS).is_none() {
            self.template = Slot::Wrong;
            mistakes.at(name, UNQUOTED);
        } else {
            mistakes.at(name, unknown_option(&text));
        }
        skip_item(input);
        Ok(())
    }

    fn option(&mut self, name: &Ident, text: &str, input: ParseStream, mistakes: &mut Mistakes) -> Result<()> {
        if self.stated.iter().any(|stated| stated == text) {
            mistakes.at(name, format!("`{text}` is stated twice; remove this one"));
            skip_item(input);
            return Ok(());
        }
        self.stated.push(text.to_owned());
        if text == "idempotent" || text == "raw" {
            self.flag(name, text, input, mistakes);
            return Ok(());
        }
        let is_unfinished = input.peek(Token![=]) && ends_after(input);
        if !input.peek(Token![=]) || is_unfinished {
            let example = match text {
                "perm" => "perm = \"customers.create.*\"",
                "timeout" => "timeout = \"5s\"",
                _ => "crate = path::to::meetbit_client",
            };
            mistakes.at(name, format!("`{text}` needs a value: `{example}`"));
            skip_item(input);
            return Ok(());
        }
        input.parse::<Token![=]>()?;
        match text {
            "perm" => self.permissions(input, mistakes),
            "timeout" => self.timeout(input, mistakes),
            _ => {
                self.krate = Some(krate(input)?);
                Ok(())
            }
        }
    }

    fn flag(&mut self, name: &Ident, text: &str, input: ParseStream, mistakes: &mut Mistakes) {
        if !input.is_empty() && !input.peek(Token![,]) {
            mistakes.at(name, format!("`{text}` takes no value; write it alone or leave it out"));
            skip_item(input);
        }
        self.is_idempotent |= text == "idempotent";
        self.is_raw |= text == "raw";
    }

    fn permissions(&mut self, input: ParseStream, mistakes: &mut Mistakes) -> Result<()> {
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
            permission::check(&literal, mistakes);
            if self.permissions.iter().any(|stated| stated.value() == literal.value()) {
                mistakes.at(&literal, "this permission is stated twice; remove this one");
            }
            self.permissions.push(literal);
        }
        Ok(())
    }

    fn timeout(&mut self, input: ParseStream, mistakes: &mut Mistakes) -> Result<()> {
        const TEXT: &str = "a time limit is a whole number of `ms`, `s` or `m`, at most a day: `timeout = \"5s\"`";
        let literal: LitStr = input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), TEXT))?;
        self.timeout_millis = timeout::millis(&literal.value());
        if self.timeout_millis.is_none() {
            mistakes.at(literal, TEXT);
        }
        Ok(())
    }

    /// Records what is not there at all.
    fn complete(&mut self, first: Span, mistakes: &mut Mistakes) {
        match (&self.verb, &self.template) {
            (Slot::Missing, _) => mistakes.push(syn::Error::new(
                first,
                "an endpoint needs an HTTP method and a path: `#[api_endpoint(get, \"/customers/{id}\")]`",
            )),
            (Slot::Right(verb), Slot::Missing) => mistakes
                .push(syn::Error::new(first, format!("the path is missing; write `{}, \"/customers\"`", verb.name()))),
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

fn unknown_verb(name: &str) -> String {
    let lower = name.to_lowercase();
    if Verb::named(&lower).is_some() {
        return format!("the HTTP method is written in lower case: `{lower}`");
    }
    match nearest(&lower, Verb::NAMES) {
        Some(verb) => format!("`{name}` is not an HTTP method; write `{verb}`"),
        None => format!("`{name}` is not an HTTP method; write one of {}", list(&Verb::NAMES, "or")),
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
