//! Where each argument goes: into a placeholder of its name, or where its marker says.

use quote::ToTokens;
use syn::{Attribute, FnArg, TraitItemFn};

use crate::args::Args;
use crate::candidate::Candidate;
use crate::endpoint::{Argument, Place};
use crate::marker::{Marked, Marker};
use crate::mistake::Mistakes;
use crate::unfilled;
use crate::verb::Verb;

/// The arguments of a method, each in its place.
#[derive(Default)]
pub(crate) struct Placement {
    /// Those of the placeholders, in the template's order.
    pub(crate) segments: Vec<Argument>,
    /// The others, in the method's order.
    pub(crate) marked: Vec<(Argument, Place)>,
}

impl Placement {
    /// Takes the markers out of a method's arguments and finds each argument's place.
    pub(crate) fn read(args: &Args, method: &mut TraitItemFn, mistakes: &mut Mistakes) -> Self {
        let typed = method.sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(Candidate::take(argument)),
            FnArg::Receiver(_) => None,
        });
        let candidates: Vec<Candidate> = typed.collect();
        let mut placer = Placer {
            verb: args.verb.get().copied(),
            placeholders: None,
            is_complete: false,
            excused: Vec::new(),
            has_body: candidates.iter().any(Candidate::is_body),
            named: Vec::new(),
            segments: Vec::new(),
            placement: Self::default(),
            mistakes,
        };
        if let Some(template) = args.template.get() {
            let mut earlier = Mistakes::default();
            placer.excused = unfilled::report(template, &candidates, &mut earlier);
            placer.mistakes.insert(args.mistakes_before_options, earlier);
            placer.placeholders = Some(&template.placeholders);
            placer.is_complete = template.is_complete;
        }
        for candidate in candidates {
            placer.place(candidate);
        }
        placer.finish()
    }
}

struct Placer<'a> {
    verb: Option<Verb>,
    /// None where there is no path.
    placeholders: Option<&'a [String]>,
    is_complete: bool,
    /// Arguments that a wrong placeholder was meant for.
    excused: Vec<String>,
    has_body: bool,
    /// What is taken: `query page`, `header x-trace`, `body`.
    named: Vec<(String, String)>,
    segments: Vec<(usize, Argument)>,
    placement: Placement,
    mistakes: &'a mut Mistakes,
}

impl Placer<'_> {
    fn place(&mut self, mut candidate: Candidate) {
        self.mistakes.append(&mut candidate.mistakes);
        let key = &candidate.key;
        let position = self.placeholders.and_then(|names| names.iter().position(|name| name == key));
        match (std::mem::replace(&mut candidate.marked, Marked::Wrong), position) {
            (Marked::Wrong, _) => {}
            (Marked::Unmarked, Some(position)) => {
                self.refuse_cfg(&candidate);
                self.segments.push((position, candidate.into()));
            }
            (Marked::Unmarked, None) => {
                if self.is_complete && !self.excused.contains(key) {
                    let body = if self.verb.is_none_or(Verb::may_have_body) { "`#[body]`" } else { "name it there" };
                    let text =
                        format!("`{key}` is not in the path; mark it `#[query]`, `#[header(\"X-Name\")]` or {body}");
                    self.mistakes.at(&candidate.name, text);
                }
            }
            (Marked::Right(_, attribute), Some(_)) => {
                let text =
                    format!("`{key}` is in the path already; remove this marker, or the placeholder `{{{key}}}`");
                self.mistakes.at(attribute, text);
            }
            (Marked::Right(marker, attribute), None) => self.mark(candidate, marker, &attribute),
        }
    }

    fn mark(&mut self, candidate: Candidate, marker: Marker, attribute: &Attribute) {
        let place = match marker {
            Marker::Query(name) => {
                let token = name.as_ref().map_or_else(|| candidate.name.to_token_stream(), ToTokens::to_token_stream);
                let name = name.map_or_else(|| candidate.key.clone(), |name| name.value());
                self.claim(format!("query {name}"), &candidate, token, |other| {
                    format!("the query parameter `{name}` is `{other}` already; write `#[query(\"other_name\")]`")
                });
                Place::Query(name)
            }
            Marker::Header(name) => {
                self.claim(format!("header {name}"), &candidate, attribute.to_token_stream(), |other| {
                    format!("the header `{name}` is `{other}` already; remove this argument or name another header")
                });
                if name == "content-type" && self.has_body {
                    let text = "`content-type` comes with the body; for bytes, write `#[body(raw = \"text/csv\")]`";
                    self.mistakes.at(attribute, text);
                }
                Place::Header(name)
            }
            Marker::Body => self.body(&candidate, attribute, Place::Body),
            Marker::Form => self.body(&candidate, attribute, Place::Form),
            Marker::Bytes(media_type) => self.body(&candidate, attribute, Place::Bytes(media_type)),
        };
        self.placement.marked.push((candidate.into(), place));
    }

    fn body(&mut self, candidate: &Candidate, attribute: &Attribute, place: Place) -> Place {
        self.refuse_cfg(candidate);
        if let Some(verb) = self.verb.filter(|verb| !verb.may_have_body()) {
            let text =
                format!("a `{}` request has no body; mark the argument `#[query]`, or write `post`", verb.name());
            self.mistakes.at(attribute, text);
            return place;
        }
        self.claim("body".to_owned(), candidate, attribute.to_token_stream(), |other| {
            format!("`{other}` is the body already; an endpoint has one argument marked `#[body]` or `#[form]`")
        });
        place
    }

    /// Records a mistake at `token` if another argument has the same place. Under a `#[cfg]` they may be alternatives.
    fn claim(&mut self, place: String, candidate: &Candidate, token: impl ToTokens, text: impl FnOnce(&str) -> String) {
        if !candidate.cfgs.is_empty() {
            return;
        }
        match self.named.iter().find(|(named, _)| *named == place) {
            Some((_, other)) => self.mistakes.at(token, text(other)),
            None => self.named.push((place, candidate.key.clone())),
        }
    }

    fn refuse_cfg(&mut self, candidate: &Candidate) {
        if let Some(cfg) = &candidate.cfg {
            let text =
                "only a query or header argument can be left out; declare the method twice, with a `#[cfg]` on each";
            self.mistakes.at(cfg, text);
        }
    }

    fn finish(mut self) -> Placement {
        self.segments.sort_by_key(|(position, _)| *position);
        self.placement.segments = self.segments.into_iter().map(|(_, argument)| argument).collect();
        self.placement
    }
}

impl From<Candidate> for Argument {
    fn from(candidate: Candidate) -> Self {
        Self { name: candidate.name, is_reference: candidate.is_reference, cfgs: candidate.cfgs }
    }
}
