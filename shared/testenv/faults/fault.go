package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"example.com/callevents/shared/wait"
)

// Fault handles a request in place of the real server, which is pass. The request's context ends when the client goes
// away or the rule is removed.
type Fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)

// Drop breaks the connection without an answer and without passing the request on. To have connections refused,
// use [Proxy.Down].
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// Hang never answers and does not pass the request on.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does net/http notice that the client has gone
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Delay passes the request on after d.
func Delay(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		_ = wait.For(r.Context(), d)
		pass.ServeHTTP(w, r)
	}
}

// JSONError answers as Kinesis and DynamoDB do: code is the exception's name.
func JSONError(status int, code string) Fault {
	body := fmt.Sprintf(`{"__type":%q,"message":"injected fault"}`, code)
	return answer(status, "application/x-amz-json-1.1", body)
}

// XMLError answers as S3 does.
func XMLError(status int, code string) Fault {
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>injected fault</Message></Error>`, code)
	return answer(status, "application/xml", body)
}

func answer(status int, contentType, body string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
	}
}

// Lose passes the request on, drops the answer and goes on with another fault. So the server applies the request, and the
// client gets no answer ([Drop], [Hang]) or a wrong one ([JSONError], [XMLError]).
func Lose(then Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		then(w, r, pass)
	}
}

// Cut passes the request on and breaks the connection in the middle of the answer's body.
func Cut() Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		whole := httptest.NewRecorder()
		pass.ServeHTTP(whole, r)
		body := whole.Body.Bytes()
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // an empty body is cut short, too
		w.WriteHeader(whole.Code)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
