//! Which argument fills which placeholder, and where each of the others goes. `placeholders` reports those that nothing
//! fills. May import `model`, `parse`, `diagnostics` and `suggest`.

use quote::ToTokens;
use syn::{Attribute, FnArg, TraitItemFn};

use crate::diagnostics::{Diagnostics, Message, message};
use crate::model::{Argument, Location};
use crate::parse::{Args, Marker, Method, Parsed, ParsedArg};

mod placeholders;

/// The arguments of a method, each with its location in the request.
#[derive(Default)]
pub(crate) struct Bindings {
    /// The arguments that fill the placeholders, in the order of the path.
    pub(crate) segments: Vec<Argument>,
    /// The other arguments, in the order of the method.
    pub(crate) marked: Vec<(Argument, Location)>,
}

impl Bindings {
    /// Takes the markers out of a method's arguments and finds each argument's location. `path` receives the errors of
    /// the placeholders, `rest` those of the arguments.
    pub(crate) fn new(args: &Args, method: &mut TraitItemFn, path: &Diagnostics, rest: &Diagnostics) -> Self {
        let typed = method.sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(ParsedArg::take(argument)),
            FnArg::Receiver(_) => None,
        });
        let arguments: Vec<ParsedArg> = typed.collect();
        let template = args.template.as_valid();
        let mut binder = Binder {
            method: args.method.as_valid().copied(),
            placeholders: template.map(|template| &*template.placeholders),
            is_complete: template.is_some_and(|template| template.is_complete),
            excused: template.map(|template| placeholders::check(template, &arguments, path)).unwrap_or_default(),
            has_body: arguments.iter().any(ParsedArg::is_body),
            claimed: Vec::new(),
            segments: Vec::new(),
            bindings: Self::default(),
            diagnostics: rest,
        };
        for argument in arguments {
            binder.bind(argument);
        }
        binder.finish()
    }
}

struct Binder<'a> {
    method: Option<Method>,
    /// None if there is no path.
    placeholders: Option<&'a [String]>,
    is_complete: bool,
    /// Arguments that an invalid placeholder was meant for.
    excused: Vec<String>,
    has_body: bool,
    /// The locations in use, such as `query page`, `header x-trace` and `body`, with their arguments.
    claimed: Vec<(String, String)>,
    segments: Vec<(usize, Argument)>,
    bindings: Bindings,
    diagnostics: &'a Diagnostics,
}

impl Binder<'_> {
    fn bind(&mut self, mut argument: ParsedArg) {
        self.diagnostics.append(std::mem::take(&mut argument.diagnostics));
        let key = &argument.key;
        let position = self.placeholders.and_then(|names| names.iter().position(|name| name == key));
        match (std::mem::take(&mut argument.marker), position) {
            (Parsed::Invalid, _) => {}
            (Parsed::Absent, Some(position)) if argument.cfgs.is_empty() && self.is_filled(position) => {
                self.reject_repeated(&argument);
            }
            (Parsed::Absent, Some(position)) => {
                self.reject_cfg(&argument);
                self.segments.push((position, argument.into()));
            }
            (Parsed::Absent, None) => self.reject_unmarked(&argument),
            (Parsed::Valid((_, attribute)), Some(_)) => {
                let text =
                    message!("`{key}` is already in the path; remove this marker, or the placeholder `{{{key}}}`");
                self.diagnostics.error_at(attribute, text);
            }
            (Parsed::Valid((marker, attribute)), None) => self.bind_marked(argument, marker, &attribute),
        }
    }

    fn is_filled(&self, position: usize) -> bool {
        self.segments.iter().any(|(filled, _)| *filled == position)
    }

    fn reject_unmarked(&self, argument: &ParsedArg) {
        let key = &argument.key;
        if self.is_complete && !self.excused.contains(key) {
            let text = if self.method.is_none_or(Method::may_have_body) {
                message!("`{key}` is not in the path; mark it `#[query]`, `#[header(\"X-Name\")]` or `#[body]`")
            } else {
                message!("`{key}` is not in the path; mark it `#[query]`, `#[header(\"X-Name\")]` or name it there")
            };
            self.diagnostics.error_at(&argument.name, text);
        }
    }

    fn bind_marked(&mut self, argument: ParsedArg, marker: Marker, attribute: &Attribute) {
        let location = match marker {
            Marker::Query(name) => {
                let token = name.as_ref().map_or_else(|| argument.name.to_token_stream(), ToTokens::to_token_stream);
                let name = name.map_or_else(|| argument.key.clone(), |name| name.value());
                self.claim(format!("query {name}"), &argument, token, |other| {
                    message!("`{other}` already sets the query parameter `{name}`; write `#[query(\"other_name\")]`")
                });
                Location::Query(name)
            }
            Marker::Header(name) => {
                self.claim(format!("header {name}"), &argument, attribute.to_token_stream(), |other| {
                    message!("`{other}` already sets the header `{name}`; remove this argument or name another header")
                });
                if name == "content-type" && self.has_body {
                    let text = message!("the body sets `content-type`; for bytes, write `#[body(raw = \"text/csv\")]`");
                    self.diagnostics.error_at(attribute, text);
                }
                Location::Header(name)
            }
            Marker::Body => self.body(&argument, attribute, Location::Body),
            Marker::Form => self.body(&argument, attribute, Location::Form),
            Marker::Bytes(media_type) => self.body(&argument, attribute, Location::Bytes(media_type)),
        };
        self.bindings.marked.push((argument.into(), location));
    }

    fn body(&mut self, argument: &ParsedArg, attribute: &Attribute, location: Location) -> Location {
        self.reject_cfg(argument);
        if let Some(method) = self.method.filter(|method| !method.may_have_body()) {
            let text =
                message!("a `{}` request has no body; mark the argument `#[query]`, or write `post`", method.name());
            self.diagnostics.error_at(attribute, text);
            return location;
        }
        self.claim("body".to_owned(), argument, attribute.to_token_stream(), |other| {
            message!("`{other}` already is the body; put both into one struct, or mark this argument `#[query]`")
        });
        location
    }

    /// Records an error at `token` if another argument has this location. Arguments under a `#[cfg]` may be
    /// alternatives.
    fn claim(
        &mut self,
        location: String,
        argument: &ParsedArg,
        token: impl ToTokens,
        text: impl FnOnce(&str) -> Message,
    ) {
        if !argument.cfgs.is_empty() {
            return;
        }
        match self.claimed.iter().find(|(claimed, _)| *claimed == location) {
            Some((_, other)) if *other == argument.key => self.reject_repeated(argument),
            Some((_, other)) => self.diagnostics.error_at(token, text(other)),
            None => self.claimed.push((location, argument.key.clone())),
        }
    }

    /// rustc itself sees no repetition if only one of the two names comes from a `macro_rules!`.
    fn reject_repeated(&self, argument: &ParsedArg) {
        let text = message!("the method has another argument `{}`; rename one of the two", argument.key);
        self.diagnostics.error_at(&argument.name, text);
    }

    fn reject_cfg(&self, argument: &ParsedArg) {
        if let Some(cfg) = &argument.cfg {
            let text = message!(
                "only query and header arguments can be conditional; declare the method twice, with a `#[cfg]` on each"
            );
            self.diagnostics.error_at(cfg, text);
        }
    }

    fn finish(mut self) -> Bindings {
        self.segments.sort_by_key(|(position, _)| *position);
        self.bindings.segments = self.segments.into_iter().map(|(_, argument)| argument).collect();
        self.bindings
    }
}

impl From<ParsedArg> for Argument {
    fn from(argument: ParsedArg) -> Self {
        Self {
            name: argument.name,
            is_reference: argument.is_reference,
            value_type: argument.value_type,
            cfgs: argument.cfgs,
        }
    }
}
