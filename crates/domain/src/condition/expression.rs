//! Conditions compiled into dense arrays: a node is an index, a comparison stands once however often it is used.

use std::collections::HashMap;

use super::{Atom, Truth};

/// The root of a condition within its catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConditionId(pub(crate) u32);

/// A comparison within its catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AtomId(pub(crate) u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    All(Span),
    Any(Span),
    Not(ConditionId),
    /// True where it is false or unknown; never unknown itself.
    NotTrue(ConditionId),
    Atom(AtomId),
}

/// A stretch of `children`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Span {
    first: u32,
    len: u32,
}

/// All conditions of one catalogue.
#[derive(Debug, Default)]
pub struct Expressions {
    nodes: Vec<Node>,
    children: Vec<ConditionId>,
    atoms: Vec<Atom>,
    known: HashMap<Atom, ConditionId>,
}

impl Expressions {
    pub(crate) fn all(&mut self, parts: &[ConditionId]) -> ConditionId {
        let span = self.span(parts);
        self.push(Node::All(span))
    }

    pub(crate) fn any(&mut self, parts: &[ConditionId]) -> ConditionId {
        let span = self.span(parts);
        self.push(Node::Any(span))
    }

    pub(crate) fn not(&mut self, part: ConditionId) -> ConditionId {
        self.push(Node::Not(part))
    }

    pub(crate) fn not_true(&mut self, part: ConditionId) -> ConditionId {
        self.push(Node::NotTrue(part))
    }

    pub(crate) fn atom(&mut self, atom: Atom) -> ConditionId {
        if let Some(known) = self.known.get(&atom) {
            return *known;
        }
        let id = AtomId(index(self.atoms.len()));
        self.atoms.push(atom.clone());
        let node = self.push(Node::Atom(id));
        self.known.insert(atom, node);
        node
    }

    /// By `AtomId`.
    pub fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    pub fn get(&self, atom: AtomId) -> &Atom {
        &self.atoms[atom.0 as usize]
    }

    /// Whether it holds, given what its comparisons are. Asks no more than it must.
    pub fn truth(&self, condition: ConditionId, of: &mut impl FnMut(AtomId) -> Truth) -> Truth {
        match self.node(condition) {
            Node::Atom(atom) => of(atom),
            Node::Not(part) => !self.truth(part, of),
            Node::NotTrue(part) => Some(!self.truth(part, of).holds()).into(),
            Node::All(span) => self.join(span, Truth::True, Truth::False, Truth::and, of),
            Node::Any(span) => self.join(span, Truth::False, Truth::True, Truth::or, of),
        }
    }

    /// The comparisons that make it what it is, in order, each once.
    pub fn decisive(&self, condition: ConditionId, of: &mut impl FnMut(AtomId) -> Truth) -> Vec<AtomId> {
        let mut found = Vec::new();
        self.collect_decisive(condition, of, &mut found);
        found
    }

    /// Every comparison in it, in order, each once.
    pub fn atoms_in(&self, condition: ConditionId) -> Vec<AtomId> {
        let mut found = Vec::new();
        let mut open = vec![condition];
        while let Some(next) = open.pop() {
            match self.node(next) {
                Node::Atom(atom) if !found.contains(&atom) => found.push(atom),
                Node::Atom(_) => {}
                Node::Not(part) | Node::NotTrue(part) => open.push(part),
                Node::All(span) | Node::Any(span) => open.extend(self.parts(span).iter().rev()),
            }
        }
        found
    }

    fn join(
        &self,
        span: Span,
        empty: Truth,
        decided: Truth,
        join: fn(Truth, Truth) -> Truth,
        of: &mut impl FnMut(AtomId) -> Truth,
    ) -> Truth {
        let mut truth = empty;
        for part in self.parts(span) {
            truth = join(truth, self.truth(*part, of));
            if truth == decided {
                break;
            }
        }
        truth
    }

    fn collect_decisive(
        &self,
        condition: ConditionId,
        of: &mut impl FnMut(AtomId) -> Truth,
        found: &mut Vec<AtomId>,
    ) {
        match self.node(condition) {
            Node::Atom(atom) if !found.contains(&atom) => found.push(atom),
            Node::Atom(_) => {}
            Node::Not(part) | Node::NotTrue(part) => self.collect_decisive(part, of, found),
            Node::All(span) | Node::Any(span) => {
                let whole = self.truth(condition, of);
                for part in self.parts(span) {
                    if self.truth(*part, of) == whole {
                        self.collect_decisive(*part, of, found);
                    }
                }
            }
        }
    }

    fn node(&self, condition: ConditionId) -> Node {
        self.nodes[condition.0 as usize]
    }

    fn parts(&self, span: Span) -> &[ConditionId] {
        &self.children[span.first as usize..][..span.len as usize]
    }

    fn span(&mut self, parts: &[ConditionId]) -> Span {
        let first = index(self.children.len());
        self.children.extend_from_slice(parts);
        Span { first, len: index(parts.len()) }
    }

    fn push(&mut self, node: Node) -> ConditionId {
        let id = ConditionId(index(self.nodes.len()));
        self.nodes.push(node);
        id
    }
}

/// Array positions are 32 bits: a document of four thousand million nodes does not fit a record.
fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
