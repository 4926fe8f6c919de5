// Package browser has only tests: they look at the dashboard as people do, in a real Chromium, served by a real mesh of three
// processes.
//
// They need Chromium, and run with ANODE_BROWSER=1 alone (`make browser`), which fails where it can't be had; on Debian, as root, it
// is installed. Without it they are skipped, and say so. The rules of accessibility are those of axe-core, which is among the
// packages of gateway/dashboard/web.
//
// ANODE_SCREENSHOTS=1 makes the pictures of docs/img anew; any other value is a directory that gets larger ones, of small
// screens too, to look at.
package browser
