package dashboard

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed fault.html
var faultText string

var faultPage = template.Must(template.New("fault").Parse(faultText))

// fault is what the page of a fault shows.
type fault struct {
	Status        int
	Title, Detail string
}

// Fault tells a person in a browser what is wrong with what they opened, and leads back to the dashboard. Title and detail are
// shown as text, whatever they hold. The page keeps to the policy of the dashboard, and may connect to no other node.
func Fault(w http.ResponseWriter, r *http.Request, status int, title, detail string) {
	h := w.Header()
	harden(h)
	confine(h, policy(r.Host, nil))
	h.Set("Content-Type", kinds[".html"])
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = faultPage.Execute(w, fault{status, title, detail}) // the client may be gone
	}
}
