/* SPDX-License-Identifier: BSD-3-Clause */
/* Admission and spawning: photons through the stages with too few slots and one output row.
 *
 *   free general --initialize--> active --propagate--> finished --postprocess--> free
 *                                 ^   \                (needs a row; a drainer empties rows)
 *                                 |    `--> spawning --emit_secondary--> active (the parent)
 *                                 |              |  ^_____ no slot: back, try again later
 *                              compact <-- spawn <-' (the child: a general slot, or else the one
 *                                                     slot kept for its lineage level)
 *
 * Primaries enter general slots only. Level l has one reserve slot, taken when no general slot is
 * free. Why that is enough: the deepest level spawns nothing, so its photon ends and its slot comes
 * back; so the level above can spawn, and so on up to the primaries.
 *
 *   spin -a admission.pml && gcc -O2 -DNFAIR=3 -o pan pan.c && ./pan -a -f   every photon ends
 *   gcc -O2 -DNOCLAIM -DSAFETY -o pan pan.c && ./pan                         every slot comes home
 *
 * Holds, under weak fairness of the stages: every photon that enters ends (no deadlock, no endless
 * retry). No worker waits while it holds a photon: every push asserts that the ring has room, and
 * nothing else is waited for between a pop and its push. No slot is lost or doubled.
 * -DNO_RESERVE and -DONE_RESERVE (one slot shared by all levels) must fail. */

#ifndef GENERAL
#define GENERAL 1 /* slots for primaries and, if free, for anybody */
#endif
#ifndef PRIMARIES
#define PRIMARIES 2
#endif
#ifndef BIRTHS
#define BIRTHS 2 /* most children of one photon */
#endif
#define LEVELS 2 /* lineage levels below a primary */
#define ROWS 1
#if defined(NO_RESERVE)
#define SLOTS GENERAL
#elif defined(ONE_RESERVE)
#define SLOTS (GENERAL + 1)
#else
#define SLOTS (GENERAL + LEVELS)
#endif
#define IN_HAND 0
#define IN_RING 1

chan free_general = [GENERAL] of { byte };
chan reserve[LEVELS + 1] = [1] of { byte }; /* reserve[l] for a child of level l; 0 is not used */
chan active_ring = [SLOTS] of { byte };
chan spawning_ring = [SLOTS] of { byte };
chan spawn_ring = [SLOTS] of { byte };
chan finished_ring = [SLOTS] of { byte };
byte n_row_free = ROWS, n_row_full = 0;

byte where[SLOTS];
byte level[SLOTS];
byte births_left[SLOTS];
byte n_admitted, n_alive;

#if defined(ONE_RESERVE)
#define reserve_of(l) 1
#else
#define reserve_of(l) (l)
#endif

inline put(ring, slot)
{
    assert(nfull(ring)); /* a push never waits */
    assert(where[slot] == IN_HAND);
    where[slot] = IN_RING;
    ring!slot
}

inline take(ring, slot)
{
    ring?slot;
    assert(where[slot] == IN_RING);
    where[slot] = IN_HAND
}

inline be_born(slot, at_level)
{
    level[slot] = at_level;
    births_left[slot] = (at_level < LEVELS -> BIRTHS : 0);
    n_alive++
}

active proctype initialize()
{
    byte s;
end:
    do
    :: n_admitted < PRIMARIES ->
        atomic { take(free_general, s); n_admitted++; be_born(s, 0) };
        atomic { put(active_ring, s); s = 0 }
    :: n_admitted == PRIMARIES -> break
    od
}

active [2] proctype propagate()
{
    byte s;
end:
    do
    :: atomic { take(active_ring, s) };
        if
        :: births_left[s] > 0 -> atomic { put(spawning_ring, s); s = 0 }
        :: atomic { births_left[s] = 0; put(finished_ring, s); s = 0 } /* its fate, whatever was left */
        fi
    od
}

active proctype emit_secondary()
{
    byte s, c;
    bool has_slot;
end:
    do
    :: atomic { take(spawning_ring, s) };
        if
        :: atomic { nempty(free_general) -> take(free_general, c); has_slot = true }
        :: atomic {
            empty(free_general) ->
            if
            :: nempty(reserve[reserve_of(level[s] + 1)]) ->
                take(reserve[reserve_of(level[s] + 1)], c); has_slot = true
            :: empty(reserve[reserve_of(level[s] + 1)])
            fi
        }
        fi;
        if
        :: has_slot ->
            atomic {
                births_left[s]--;
                be_born(c, level[s] + 1);
                put(spawn_ring, c);
                has_slot = false;
                c = 0
            };
            atomic { put(active_ring, s); s = 0 }
        :: !has_slot -> atomic { put(spawning_ring, s); s = 0 } /* the parent keeps its slot */
        fi
    od
}

active proctype compact()
{
    byte s;
end:
    do
    :: atomic { take(spawn_ring, s) };
        atomic { put(active_ring, s); s = 0 }
    od
}

active proctype postprocess()
{
    byte s;
end:
    do
    :: atomic { take(finished_ring, s) };
        if
        :: atomic { n_row_free > 0 -> n_row_free--; n_row_full++; n_alive-- };
            if
            :: s < GENERAL -> atomic { put(free_general, s); s = 0 }
            :: s >= GENERAL -> atomic { put(reserve[s - GENERAL + 1], s); s = 0 }
            fi
        :: n_row_free == 0 -> atomic { put(finished_ring, s); s = 0 } /* no row: later */
        fi
    od
}

active proctype drain()
{
end:
    do
    :: atomic { n_row_full > 0 -> n_row_full--; n_row_free++ }
    od
}

init {
    byte s;
    atomic {
        do
        :: s < SLOTS ->
            where[s] = IN_RING;
            if
            :: s < GENERAL -> free_general!s
            :: else -> reserve[s - GENERAL + 1]!s
            fi;
            s++
        :: else -> break
        od;
        s = 0
    };
    n_admitted == PRIMARIES && n_alive == 0;
    len(free_general) + len(reserve[1]) + len(reserve[2]) == SLOTS; /* every slot comes home */
    n_row_free == ROWS;
    assert(empty(active_ring) && empty(spawning_ring) && empty(spawn_ring) && empty(finished_ring))
}

ltl every_photon_ends { <> (n_admitted == PRIMARIES && n_alive == 0) }
