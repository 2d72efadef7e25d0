//! The return type of a method, `Call<T>`, and how its reply is decoded.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type, TypeParamBound, parse_quote};

/// How a reply is decoded, and the span of its type.
pub(crate) struct Reply {
    pub(crate) kind: ReplyKind,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    /// MeetBit's `{message, data}`.
    Envelope,
    /// The value itself.
    Value,
    /// No value. A body is ignored.
    Empty,
    /// The body as bytes.
    Bytes,
}

impl Reply {
    /// Reads `-> Call<T>`. Any other type gives `None`.
    pub(crate) fn read(output: &ReturnType, is_raw: bool) -> Option<Self> {
        let ReturnType::Type(_, ty) = output else { return None };
        let inner = in_call(ty)?;
        let last = last_segment(inner);
        let kind = match inner {
            Type::Tuple(tuple) if tuple.elems.is_empty() => ReplyKind::Empty,
            _ if is_bytes(inner) => ReplyKind::Bytes,
            _ if is_raw => ReplyKind::Value,
            _ => ReplyKind::Envelope,
        };
        Some(Self { kind, span: last.map_or_else(|| inner.span(), |segment| segment.ident.span()) })
    }
}

/// Whether a type is `Bytes`. A path such as `self::Bytes` names a type of the author's instead.
fn is_bytes(ty: &Type) -> bool {
    let Type::Path(ty) = ty else { return false };
    let first = ty.path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
    let is_own = ["self", "super", "crate"].contains(&first.as_str());
    !is_own && ty.path.segments.last().is_some_and(|last| last.ident == "Bytes" && last.arguments.is_none())
}

/// The `T` of the `Call<T>` that the author probably meant: `Customer` for `Result<Customer, Error>`.
pub(crate) fn intended(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => inside(ty),
    }
}

fn inside(ty: &Type) -> Type {
    match bare(ty) {
        Type::Reference(reference) => inside(&reference.elem),
        Type::ImplTrait(future) => output(&future.bounds),
        Type::TraitObject(future) => output(&future.bounds),
        Type::Slice(slice) => {
            let element = match bare(&slice.elem) {
                borrowed @ Type::Reference(_) => inside(borrowed),
                owned => owned.clone(),
            };
            parse_quote!(::std::vec::Vec<#element>)
        }
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(::std::string::String),
        Type::Never(_) => parse_quote!(()),
        ty => match last_segment(ty) {
            Some(segment) if is_wrapper(segment) => first_argument(segment).map_or_else(|| parse_quote!(()), inside),
            Some(segment) => {
                first_argument(segment).filter(|ty| in_call(ty).is_some()).map_or_else(|| ty.clone(), inside)
            }
            None => ty.clone(),
        },
    }
}

/// `T` of `Call<T>`.
fn in_call(ty: &Type) -> Option<&Type> {
    last_segment(ty).filter(|segment| segment.ident == "Call").and_then(only_argument).map(bare)
}

fn is_wrapper(segment: &PathSegment) -> bool {
    ["Call", "Result", "Response", "Box", "Pin", "BoxFuture"].iter().any(|name| segment.ident == name)
}

/// `T` of `impl Future<Output = T>`.
fn output<P>(bounds: &Punctuated<TypeParamBound, P>) -> Type {
    let arguments = bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    let outputs = arguments.flat_map(arguments_of).filter_map(|argument| match argument {
        GenericArgument::AssocType(binding) if binding.ident == "Output" => Some(inside(&binding.ty)),
        _ => None,
    });
    outputs.last().unwrap_or_else(|| parse_quote!(()))
}

/// A type as an author would write it.
pub(crate) fn shown(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for path in [":: std :: string :: ", ":: std :: vec :: "] {
        text = text.replace(path, ""); // `intended` writes it
    }
    for (spaced, tight) in [(" :: ", "::"), (" < ", "<"), (" >", ">"), (" ,", ","), ("& ", "&"), ("< ", "<")] {
        text = text.replace(spaced, tight);
    }
    text
}

/// A type without the invisible groups that `macro_rules!` puts around its fragments, and without parentheses.
pub(crate) fn bare(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The borrowed part of a return type: the first `&`, or a `str` or slice that is the whole reply.
pub(crate) fn borrow(ty: &Type) -> Option<TokenStream> {
    let reply = || in_call(ty).filter(|reply| is_unsized(reply)).map(ToTokens::to_token_stream);
    ampersand(ty.to_token_stream()).map(TokenStream::from).or_else(reply)
}

fn is_unsized(ty: &Type) -> bool {
    match ty {
        Type::Slice(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

/// Whether no body compiles with this reply, because it is unsized, `impl Trait` or inferred.
pub(crate) fn is_unusable(output: &ReturnType) -> bool {
    let ReturnType::Type(_, ty) = output else { return false };
    let is_inferred = is_inferred(ty.to_token_stream());
    is_inferred || in_call(ty).is_some_and(|reply| is_unsized(reply) || matches!(reply, Type::ImplTrait(_)))
}

fn ampersand(ty: TokenStream) -> Option<TokenTree> {
    ty.into_iter().find_map(|token| match token {
        TokenTree::Punct(ref punct) if punct.as_char() == '&' => Some(token),
        TokenTree::Group(group) => ampersand(group.stream()),
        _ => None,
    })
}

/// Whether a type mentions `impl` or `Self`.
pub(crate) fn is_opaque(ty: TokenStream) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Ident(word) if word == "Self" => {
                !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':')
                    && !matches!(tokens.peek(), Some(TokenTree::Ident(next)) if next == "as")
            }
            TokenTree::Ident(word) => word == "impl",
            TokenTree::Group(group) => is_opaque(group.stream()),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// Whether a type has a `_` that is not a lifetime.
pub(crate) fn is_inferred(ty: TokenStream) -> bool {
    let mut before = None;
    ty.into_iter().any(|token| {
        let is_lifetime = matches!(&before, Some(TokenTree::Punct(quote)) if quote.as_char() == '\'');
        let found = match &token {
            TokenTree::Ident(word) => word == "_" && !is_lifetime,
            TokenTree::Group(group) => is_inferred(group.stream()),
            _ => false,
        };
        before = Some(token);
        found
    })
}

/// Whether a segment is written without arguments, as in `Call` and `Call<>`.
pub(crate) fn has_no_arguments(segment: &PathSegment) -> bool {
    arguments_of(segment).next().is_none()
}

fn only_argument(segment: &PathSegment) -> Option<&Type> {
    let mut arguments = arguments_of(segment);
    match (arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(ty)), None) => Some(ty),
        _ => None,
    }
}

fn first_argument(segment: &PathSegment) -> Option<&Type> {
    arguments_of(segment).find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn arguments_of(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten()
}
