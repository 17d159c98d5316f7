/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring protocol of src/runtime/queue_view.h, step by step, for spin 6.
 *
 * Two producers take slots from ring IDLE, write a ticket into each and push them to ring WORK; two
 * consumers take them back. Every load, store and fetch_add of the C code is one step here.
 *
 *   spin -a rings.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan
 *
 * Holds: every ticket arrives once, no slot has two holders, every process ends (a wait that never
 * ends is an invalid end state). Laps are counted modulo LAPS, so counters wrap as they do in C.
 * -DNO_EMPTIED (producers do not wait for the emptied marker) must fail. */

#ifndef CAPACITY
#define CAPACITY 2 /* cells of a ring */
#endif
#ifndef SLOTS
#define SLOTS 2 /* indices in circulation, at most CAPACITY */
#endif
#ifndef CLAIM
#define CLAIM 2 /* most entries of one claim: 1 or 2 */
#endif
#ifndef TICKETS
#define TICKETS 4
#endif
#define LAPS 4
#define EMPTY 15
#define IDLE 0
#define WORK 1
#define NOBODY 255

typedef ring {
    short avail;
    byte head, tail; /* positions modulo CAPACITY * LAPS */
    byte lap[CAPACITY], index[CAPACITY] /* one 64-bit word in C: always written together */
};

ring rings[2];
byte ticket_of[SLOTS]; /* the payload: plain memory */
byte holder[SLOTS];
byte n_tickets, n_received, n_ended;
byte was_seen[TICKETS + 4];

/* x[0..n-1] to ring r */
inline push(r)
{
    atomic { p = rings[r].tail; rings[r].tail = (rings[r].tail + n) % (CAPACITY * LAPS); i = 0 };
    do
    :: i < n ->
#ifndef NO_EMPTIED
        rings[r].lap[p % CAPACITY] == (p / CAPACITY) % LAPS &&
            rings[r].index[p % CAPACITY] == EMPTY; /* the wait */
#endif
        atomic {
            rings[r].lap[p % CAPACITY] = (p / CAPACITY + 1) % LAPS;
            rings[r].index[p % CAPACITY] = x[i];
            x[i] = 0;
            p = (p + 1) % (CAPACITY * LAPS);
            i++
        }
    :: else -> break
    od;
    atomic { rings[r].avail = rings[r].avail + n; n = 0; p = 0; i = 0 }
}

/* up to CLAIM indices from ring r to x[0..n-1]; n = 0 if there was none */
inline pop(r)
{
    atomic {
        if
        :: want = (rings[r].avail < CLAIM -> rings[r].avail : CLAIM)
        :: rings[r].avail > 1 -> want = 1 /* claims of any size */
        fi
    };
    if
    :: want > 0 ->
        atomic {
            n = (rings[r].avail < 0 -> 0 : (rings[r].avail < want -> rings[r].avail : want));
            rings[r].avail = rings[r].avail - want
        };
        if
        :: n < want -> rings[r].avail = rings[r].avail + want - n
        :: else
        fi;
        if
        :: n > 0 ->
            atomic { p = rings[r].head; rings[r].head = (p + n) % (CAPACITY * LAPS); i = 0 };
            do
            :: i < n ->
                atomic {
                    rings[r].lap[p % CAPACITY] == (p / CAPACITY + 1) % LAPS &&
                        rings[r].index[p % CAPACITY] != EMPTY -> /* the wait */
                    x[i] = rings[r].index[p % CAPACITY]
                };
                atomic {
                    rings[r].lap[p % CAPACITY] = (p / CAPACITY + 1) % LAPS;
                    rings[r].index[p % CAPACITY] = EMPTY;
                    p = (p + 1) % (CAPACITY * LAPS);
                    i++
                }
            :: else -> break
            od
        :: else
        fi
    :: else
    fi;
    atomic { want = 0; p = 0; i = 0 }
}

inline hold_all()
{
    atomic {
        i = 0;
        do
        :: i < n -> assert(holder[x[i]] == NOBODY); holder[x[i]] = _pid; i++
        :: else -> break
        od;
        i = 0
    }
}

inline release_all()
{
    atomic {
        i = 0;
        do
        :: i < n -> assert(holder[x[i]] == _pid); holder[x[i]] = NOBODY; i++
        :: else -> break
        od;
        i = 0
    }
}

active [2] proctype producer()
{
    byte x[2], p, n, i;
    short want;
    do
    :: n_tickets >= TICKETS -> break
    :: n_tickets < TICKETS && rings[IDLE].avail > 0 ->
        pop(IDLE);
        if
        :: n > 0 ->
            hold_all();
            atomic {
                do
                :: i < n -> ticket_of[x[i]] = n_tickets; n_tickets++; i++
                :: else -> break
                od;
                i = 0
            };
            release_all();
            push(WORK)
        :: else
        fi
    od;
    n_ended++
}

active [2] proctype consumer()
{
    byte x[2], p, n, i;
    short want;
    do
    :: n_received >= TICKETS && n_received == n_tickets -> break
    :: rings[WORK].avail > 0 ->
        pop(WORK);
        if
        :: n > 0 ->
            hold_all();
            atomic {
                do
                :: i < n ->
                    assert(was_seen[ticket_of[x[i]]] == 0);
                    was_seen[ticket_of[x[i]]] = 1;
                    n_received++;
                    i++
                :: else -> break
                od;
                i = 0
            };
            release_all();
            push(IDLE)
        :: else
        fi
    od;
    n_ended++
}

init {
    byte s;
    atomic {
        do
        :: s < CAPACITY ->
            rings[WORK].index[s] = EMPTY;
            if
            :: s < SLOTS ->
                rings[IDLE].lap[s] = 1;
                rings[IDLE].index[s] = s;
                holder[s] = NOBODY
            :: else -> rings[IDLE].index[s] = EMPTY
            fi;
            s++
        :: else -> break
        od;
        rings[IDLE].avail = SLOTS;
        rings[IDLE].tail = SLOTS % (CAPACITY * LAPS);
        s = 0
    }
    n_ended == 4;
    /* producers that claimed before the last ticket may have sent a few more */
    assert(rings[WORK].avail + rings[IDLE].avail == SLOTS);
    assert(n_received + rings[WORK].avail == n_tickets && n_received >= TICKETS)
}
