/*
 * Stand-in for martinus/unordered_dense, which Debian 12 does not package: the
 * three names that the mediasoup worker uses, on the standard library's
 * containers. These keep references and iterators valid in more cases than the
 * dense ones, so code written for the dense ones works with them.
 */
#ifndef DRAGONFORK_ANKERL_UNORDERED_DENSE_H
#define DRAGONFORK_ANKERL_UNORDERED_DENSE_H

#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace ankerl::unordered_dense
{
	/* A struct and not an alias, so that it can be specialised. */
	template<typename T>
	struct hash : std::hash<T>
	{
	};

	template<typename Key, typename T, typename Hash = hash<Key>, typename Equal = std::equal_to<Key>>
	using map = std::unordered_map<Key, T, Hash, Equal>;

	template<typename Key, typename Hash = hash<Key>, typename Equal = std::equal_to<Key>>
	using set = std::unordered_set<Key, Hash, Equal>;
} // namespace ankerl::unordered_dense

#endif
