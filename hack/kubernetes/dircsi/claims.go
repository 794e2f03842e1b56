package main

import "sync"

// claims says which trees are at work. A call that finds a tree taken is answered at once and asked
// again by its caller, so that a second call for a long copy neither begins it anew nor waits.
type claims struct {
	mutex sync.Mutex
	users map[name]int // how many read a tree; -1: one makes or removes it
}

// take claims a tree for one who makes or removes it. The tree is not to be touched if it is refused.
func (c *claims) take(n name) (release func(), granted bool) { return c.claim(n, -1) }

// share claims a tree for one of many who read it.
func (c *claims) share(n name) (release func(), granted bool) { return c.claim(n, 1) }

// claim counts one more user, who counts himself out by release.
func (c *claims) claim(n name, user int) (release func(), granted bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	users := c.users[n]
	if users < 0 || users > 0 && user < 0 {
		return nil, false
	}
	if c.users == nil {
		c.users = map[name]int{}
	}
	c.users[n] = users + user
	return func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		if c.users[n] -= user; c.users[n] == 0 {
			delete(c.users, n)
		}
	}, true
}
