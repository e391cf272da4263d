from _fuzz import *
def E(i,minute,**kw):
    at=T+timedelta(minutes=minute)
    return event_names(Envelope(workspace_id=1,message_id=f"m{i}",type=kw.pop("type","track"),event="E",occurred_at=at,received_at=at,**kw))
evs=[E(6,3,user_id="u2",anonymous_id="d2",account_id="B"),E(5,4,user_id="u2",email="b@x.com",anonymous_id="d1",account_id="A"),E(7,6,user_id="u2",email="c@x.com",account_id="B")]
m=IdentityMemory()
for e in (evs[2],evs[0],evs[1]):
    f=m.apply([e]); print(e.order[1]); 
    for k,r in m.rows.items(): print("   ",k[1],r.person_id,r.subject_id,[(x[0].minute,x[2]) for x in r.accounts])
print("-----")
for p in itertools.permutations(evs):
    m=IdentityMemory()
    log=[]
    for e in p:
        m.apply([e]); r=m.rows[(1,"user:u2")]; log.append((e.order[1],r.subject_id,[(x[0].minute,x[2]) for x in r.accounts]))
    print(log)
for k in (1,2):
  for p in itertools.permutations(evs):
    m=IdentityMemory(); m.apply(p[:k]); m.apply(p[k:]); r=m.rows[(1,"user:u2")]; print([x.order[1] for x in p],k,r.subject_id,[(x[0].minute,x[2]) for x in r.accounts])
