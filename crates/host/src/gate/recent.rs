//! A memory of bounded size.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The last so many entries; a new one beyond that pushes the oldest out.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    most: usize,
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Remembers; an entry that is known keeps its age.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    /// Forgets one and answers what was remembered.
    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let value = self.entries.remove(key)?;
        self.order.retain(|known| known.borrow() != key);
        Some(value)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u8, u32),
        Remove(u8),
        Clear,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            8 => (0..40u8, any::<u32>()).prop_map(|(k, v)| Op::Insert(k, v)),
            3 => (0..40u8).prop_map(Op::Remove),
            1 => Just(Op::Clear),
        ]
    }

    proptest! {
        /// As a list that is searched and cut would do it.
        #[test]
        fn it_holds_the_newest_and_never_more(most in 1usize..20, ops in proptest::collection::vec(op(), 0..400)) {
            let mut recent = Recent::new(most);
            let mut list: Vec<(u8, u32)> = Vec::new();
            for op in ops {
                match op {
                    Op::Insert(key, value) => {
                        recent.insert(key, value);
                        match list.iter_mut().find(|(k, _)| *k == key) {
                            Some(entry) => entry.1 = value,
                            None => list.push((key, value)),
                        }
                        if list.len() > most {
                            list.remove(0);
                        }
                    }
                    Op::Remove(key) => {
                        let at = list.iter().position(|(k, _)| *k == key);
                        let expected = at.map(|at| list.remove(at).1);
                        prop_assert_eq!(recent.remove(&key), expected);
                    }
                    Op::Clear => {
                        recent.clear();
                        list.clear();
                    }
                }
                prop_assert!(recent.entries.len() <= most);
                prop_assert_eq!(recent.entries.len(), recent.order.len());
                for key in 0..40u8 {
                    let expected = list.iter().find(|(k, _)| *k == key).map(|(_, v)| v);
                    prop_assert_eq!(recent.get(&key), expected);
                }
            }
        }
    }
}
