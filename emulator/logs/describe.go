package logs

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
)

const maxDescribed = 50

type logStream struct {
	ARN                 string `json:"arn"`
	LogStreamName       string `json:"logStreamName"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp int64  `json:"firstEventTimestamp,omitzero"`
	LastEventTimestamp  int64  `json:"lastEventTimestamp,omitzero"`
	LastIngestionTime   int64  `json:"lastIngestionTime,omitzero"`
	UploadSequenceToken string `json:"uploadSequenceToken,omitzero"`
	StoredBytes         int64  `json:"storedBytes"`
}

type describeLogStreamsInput struct {
	LogGroupName        *string `json:"logGroupName"`
	LogGroupIdentifier  *string `json:"logGroupIdentifier"`
	LogStreamNamePrefix *string `json:"logStreamNamePrefix"`
	OrderBy             string  `json:"orderBy"`
	Descending          bool    `json:"descending"`
	Limit               *int    `json:"limit"`
	NextToken           *string `json:"nextToken"`
}

type describeLogStreamsOutput struct {
	LogStreams []logStream `json:"logStreams"`
	NextToken  string      `json:"nextToken,omitzero"`
}

func (h *handler) describeLogStreams(c caller, in describeLogStreamsInput) (*describeLogStreamsOutput, error) {
	g, err := h.store.findGroup(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	limit, err := within("limit", in.Limit, 1, maxDescribed, maxDescribed)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == "LastEventTime"
	switch {
	case in.OrderBy != "" && in.OrderBy != "LogStreamName" && !byTime:
		return nil, invalid("1 validation error detected: Value '%s' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]", in.OrderBy)
	case byTime && in.LogStreamNamePrefix != nil:
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	after, err := readPlace(in.NextToken)
	if err != nil {
		return nil, err
	}
	var list []Description
	prefix := ""
	if in.LogStreamNamePrefix != nil {
		prefix = *in.LogStreamNamePrefix
	}
	if byTime {
		list = h.store.byTime(g, in.Descending, after, limit+1)
	} else {
		list = h.store.byName(g, prefix, in.Descending, after, limit+1)
	}
	out := &describeLogStreamsOutput{LogStreams: []logStream{}}
	for i, d := range list {
		if i == limit {
			out.NextToken = place(list[i-1].Stream)
			break
		}
		s := logStream{ARN: c.arn(g.Name) + ":log-stream:" + d.Stream, LogStreamName: d.Stream, CreationTime: d.Created, FirstEventTimestamp: d.First, LastEventTimestamp: d.Last, LastIngestionTime: d.Ingested}
		if d.Last != 0 {
			s.UploadSequenceToken = "49039859512345678901234567890123456789012345678901234567"
		}
		out.LogStreams = append(out.LogStreams, s)
	}
	return out, nil
}

// place is a token that names the last item of a page.
func place(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

func readPlace(token *string) (string, error) {
	if token == nil || *token == "" {
		return "", nil
	}
	name, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil {
		return "", errToken
	}
	return string(name), nil
}

// byName lists streams in the order of their names, from behind the one named after.
func (s *Store) byName(g *group, prefix string, descending bool, after string, limit int) []Description {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Description
	take := func(name string, st *Stream) bool {
		switch {
		case !strings.HasPrefix(name, prefix):
			return false
		case name != after:
			list = append(list, st.Describe())
		}
		return len(list) < limit
	}
	switch {
	case !descending:
		g.streams.Ascend(max(prefix, after), take)
	case after != "":
		g.streams.Descend(after, take)
	default:
		// The end of a prefix is before the first name that it does not begin.
		g.streams.Descend(prefix+"\U0010FFFF", func(name string, st *Stream) bool {
			return name > prefix && !strings.HasPrefix(name, prefix) || take(name, st)
		})
	}
	return list
}

// byTime lists streams by their last event, from behind the one named after. It looks at all of them: the order changes with
// every event.
func (s *Store) byTime(g *group, descending bool, after string, limit int) []Description {
	s.mu.RLock()
	list := make([]Description, 0, g.streams.Len())
	g.streams.Scan(func(_ string, st *Stream) bool {
		list = append(list, st.Describe())
		return true
	})
	s.mu.RUnlock()
	slices.SortFunc(list, func(a, b Description) int {
		order := cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.Stream, b.Stream))
		if descending {
			return -order
		}
		return order
	})
	if after != "" {
		if i := slices.IndexFunc(list, func(d Description) bool { return d.Stream == after }); i >= 0 {
			list = list[i+1:]
		}
	}
	return list[:min(limit, len(list))]
}

type logGroup struct {
	ARN                       string `json:"arn"`
	LogGroupARN               string `json:"logGroupArn"`
	LogGroupName              string `json:"logGroupName"`
	CreationTime              int64  `json:"creationTime"`
	MetricFilterCount         int    `json:"metricFilterCount"`
	StoredBytes               *int64 `json:"storedBytes,omitzero"`
	LogGroupClass             string `json:"logGroupClass"`
	KmsKeyID                  string `json:"kmsKeyId,omitzero"`
	RetentionInDays           int    `json:"retentionInDays,omitzero"`
	DeletionProtectionEnabled *bool  `json:"deletionProtectionEnabled,omitzero"`
}

type describeLogGroupsInput struct {
	LogGroupNamePrefix  *string `json:"logGroupNamePrefix"`
	LogGroupNamePattern *string `json:"logGroupNamePattern"`
	Limit               *int    `json:"limit"`
	NextToken           *string `json:"nextToken"`
}

type describeLogGroupsOutput struct {
	LogGroups []logGroup `json:"logGroups"`
	NextToken string     `json:"nextToken,omitzero"`
}

func (h *handler) describeLogGroups(c caller, in describeLogGroupsInput) (*describeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	limit, err := within("limit", in.Limit, 1, maxDescribed, maxDescribed)
	if err != nil {
		return nil, err
	}
	after, err := readPlace(in.NextToken)
	if err != nil {
		return nil, err
	}
	prefix, pattern := "", ""
	if in.LogGroupNamePrefix != nil {
		prefix = *in.LogGroupNamePrefix
	}
	if in.LogGroupNamePattern != nil {
		pattern = strings.ToLower(*in.LogGroupNamePattern)
	}
	out := &describeLogGroupsOutput{LogGroups: []logGroup{}}
	s := h.store
	s.mu.RLock()
	defer s.mu.RUnlock()
	base := groupKey(c.account, c.region, "")
	s.groups.Ascend(base+max(prefix, after), func(key string, g *group) bool {
		switch {
		case !strings.HasPrefix(key, base+prefix):
			return false
		case g.Name == after && after != "", !strings.Contains(strings.ToLower(g.Name), pattern):
			return true
		case len(out.LogGroups) == limit:
			out.NextToken = place(out.LogGroups[limit-1].LogGroupName)
			return false
		}
		l := logGroup{ARN: c.arn(g.Name) + ":*", LogGroupARN: c.arn(g.Name), LogGroupName: g.Name, CreationTime: g.Created, LogGroupClass: cmp.Or(g.Class, "STANDARD"), KmsKeyID: g.Key, RetentionInDays: g.Retention}
		if in.LogGroupNamePattern == nil {
			l.StoredBytes, l.DeletionProtectionEnabled = new(int64(0)), new(g.Protected)
		}
		out.LogGroups = append(out.LogGroups, l)
		return true
	})
	return out, nil
}
